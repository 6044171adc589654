using System.Reflection;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace Sophia.Native.Conformance;

/// <summary>Which cases of the table a test runs.</summary>
public enum CaseSet
{
    /// <summary>All.</summary>
    All,

    /// <summary>Those for which calling twice means something.</summary>
    Repeatable,

    /// <summary>Those whose batch has several independent items.</summary>
    Batched,

    /// <summary>Those with an output that may lie where an input lies.</summary>
    Aliased,
}

/// <summary>The names of the cases of a set, in the storage types and up to the size of the class that is run.</summary>
/// <param name="cases">The set.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CaseDataAttribute(CaseSet cases = CaseSet.All) : DataAttribute
{
    /// <summary>The set.</summary>
    public CaseSet Cases { get; } = cases;

    /// <inheritdoc/>
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker)
    {
        var types = StorageTypesAttribute.Of(testMethod.ReflectedType);
        var most = MostElementsAttribute.Of(testMethod.ReflectedType);
        var rows = new List<ITheoryDataRow>();
        foreach (var traits in CaseTable.Traits)
        {
            if (types.Contains(traits.Storage) && traits.Elements <= most && Contains(traits))
                rows.Add(new TheoryDataRow(traits.Name));
        }
        return new(rows);
    }

    /// <inheritdoc/>
    public override bool SupportsDiscoveryEnumeration() => true;

    private bool Contains(CaseTraits traits) => Cases switch
    {
        CaseSet.Repeatable => traits.CanRepeat,
        CaseSet.Batched => traits.Items > 1,
        CaseSet.Aliased => traits.HasAliases,
        _ => true,
    };
}
