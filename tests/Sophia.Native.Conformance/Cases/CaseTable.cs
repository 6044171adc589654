namespace Sophia.Native.Conformance;

/// <summary>The one table of operation x shape that every backend runs. Cases of an operation are in the file of its name.</summary>
public static partial class CaseTable
{
    private static readonly Lazy<(Dictionary<string, OperationCase> Cases, List<CaseTraits> Traits)> Table = new(Collect);

    /// <summary>What decides which tests a case takes part in, of all cases.</summary>
    public static IReadOnlyList<CaseTraits> Traits => Table.Value.Traits;

    /// <summary>The case of a name.</summary>
    /// <param name="name">Operation, shape and storage type.</param>
    public static OperationCase Find(string name) => Table.Value.Cases[name];

    /// <summary>The operations that have a case in a storage type.</summary>
    /// <param name="storage">The storage type.</param>
    public static IEnumerable<string> Operations(ElementType storage = ElementType.Float32) =>
        Traits.Where(traits => traits.Storage == storage).Select(traits => traits.Operation).Distinct();

    /// <summary>The case of an operation that has the most arguments, the last of these.</summary>
    /// <param name="operation">The operation.</param>
    /// <param name="storage">The storage type.</param>
    /// <param name="mostElements">The most elements that all its arguments may have together.</param>
    public static string Fullest(string operation, ElementType storage, long mostElements) =>
        Traits.Where(traits => traits.Operation == operation && traits.Storage == storage && traits.Elements <= mostElements).OrderBy(traits => traits.Arguments).Last().Name;

    /// <summary>A case of an operation that stores activations or parameters stands in the table once for each storage type.</summary>
    private static (Dictionary<string, OperationCase>, List<CaseTraits>) Collect()
    {
        var cases = new Dictionary<string, OperationCase>();
        var traits = new List<CaseTraits>();
        foreach (var list in (IEnumerable<OperationCase>[])[
            LinearCases(), RmsNormCases(), LayerNormCases(), RopeCases(), SwiGluCases(), GeluCases(), ResidualCases(), EmbeddingCases(), VisionCases(), AttentionCases(), HeadCases(), ObjectiveCases(), OptimizerCases(), RewardsCases(), SamplingCases(),
        ])
        {
            foreach (var entry in list)
            {
                var instance = entry.Build();
                Add(entry, instance);
                if (entry.Storage == ElementType.Float32 && instance.Arguments.Any(argument => argument.IsStored))
                    Add(entry.StoredAs(ElementType.BFloat16), instance);
            }
        }
        return (cases, traits);

        void Add(OperationCase entry, CaseInstance instance)
        {
            cases.Add(entry.Name, entry);
            traits.Add(new(entry.Name, entry.Operation, entry.Storage, instance.Arguments.Count, instance.Arguments.Sum(argument => argument.Rows * argument.Columns), instance.Items, instance.Aliases.Count > 0, instance.CanRepeat));
        }
    }

    private static double[] Sizes(ReadOnlySpan<double> values)
    {
        var sizes = new double[values.Length];
        for (var i = 0; i < sizes.Length; i++)
            sizes[i] = Math.Abs(values[i]);
        return sizes;
    }
}
