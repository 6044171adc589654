using System.Reflection;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace Sophia.Native.Conformance;

/// <summary>The operations that have cases, with each storage type of the class that is run.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OperationDataAttribute : DataAttribute
{
    /// <inheritdoc/>
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker)
    {
        var rows = new List<ITheoryDataRow>();
        foreach (var type in StorageTypesAttribute.Of(testMethod.ReflectedType))
        {
            foreach (var operation in CaseTable.Operations(type))
                rows.Add(new TheoryDataRow(operation, type));
        }
        return new(rows);
    }

    /// <inheritdoc/>
    public override bool SupportsDiscoveryEnumeration() => true;
}
