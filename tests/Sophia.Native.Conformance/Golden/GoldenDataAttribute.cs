using System.Reflection;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace Sophia.Native.Conformance.Golden;

/// <summary>Model and layout of every golden checkpoint of the class that is run, with each of its storage types.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class GoldenDataAttribute : DataAttribute
{
    /// <inheritdoc/>
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker)
    {
        var rows = new List<ITheoryDataRow>();
        foreach (var storage in StorageTypesAttribute.Of(testMethod.ReflectedType))
        {
            foreach (var name in GoldenModelsAttribute.Of(testMethod.ReflectedType))
                rows.Add(new TheoryDataRow(name[..name.IndexOf('/')], name[(name.IndexOf('/') + 1)..], storage));
        }
        return new(rows);
    }

    /// <inheritdoc/>
    public override bool SupportsDiscoveryEnumeration() => true;
}
