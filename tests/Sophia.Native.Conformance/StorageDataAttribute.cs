using System.Reflection;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace Sophia.Native.Conformance;

/// <summary>A row of arguments for each storage type of the class that is run; the type is the last argument.</summary>
/// <param name="arguments">The arguments before it.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class StorageDataAttribute(params object[] arguments) : DataAttribute
{
    /// <summary>About how many elements the test works on: a class that takes fewer (<see cref="MostElementsAttribute"/>) does not have the row.</summary>
    public long Elements { get; init; }

    /// <inheritdoc/>
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker)
    {
        var rows = new List<ITheoryDataRow>();
        foreach (var type in Elements <= MostElementsAttribute.Of(testMethod.ReflectedType) ? StorageTypesAttribute.Of(testMethod.ReflectedType) : [])
            rows.Add(new TheoryDataRow([.. arguments, type]));
        return new(rows);
    }

    /// <inheritdoc/>
    public override bool SupportsDiscoveryEnumeration() => true;
}
