namespace Sophia.Native.Conformance;

/// <summary>The one table of operation x shape that every backend runs. Cases of an operation are in the file of its name.</summary>
public static partial class CaseTable
{
    private static readonly Lazy<OrderedDictionary<string, OperationCase>> Cases = new(Collect);
    private static readonly Lazy<IReadOnlyList<CaseTraits>> AllTraits = new(Describe);

    /// <summary>All cases.</summary>
    public static IReadOnlyList<OperationCase> All => Cases.Value.Values;

    /// <summary>What decides which tests a case takes part in.</summary>
    public static IReadOnlyList<CaseTraits> Traits => AllTraits.Value;

    /// <summary>The case of a name.</summary>
    /// <param name="name">Operation and shape.</param>
    public static OperationCase Find(string name) => Cases.Value[name];

    /// <summary>The operations that have a case.</summary>
    public static IEnumerable<string> Operations => All.Select(entry => entry.Operation).Distinct();

    /// <summary>The case of an operation that has the most arguments, the last of these.</summary>
    /// <param name="operation">The operation.</param>
    public static string Fullest(string operation) =>
        Traits.Where(traits => traits.Operation == operation).OrderBy(traits => traits.Arguments).Last().Name;

    private static OrderedDictionary<string, OperationCase> Collect()
    {
        var cases = new OrderedDictionary<string, OperationCase>();
        foreach (var list in (IEnumerable<OperationCase>[])[
            LinearCases(), RmsNormCases(), LayerNormCases(), RopeCases(), SwiGluCases(), GeluCases(), ResidualCases(), EmbeddingCases(), VisionCases(), AttentionCases(), HeadCases(), ObjectiveCases(), OptimizerCases(), RewardsCases(), SamplingCases(),
        ])
        {
            foreach (var entry in list)
                cases.Add(entry.Name, entry);
        }
        return cases;
    }

    private static List<CaseTraits> Describe()
    {
        var traits = new List<CaseTraits>();
        foreach (var entry in All)
        {
            var instance = entry.Build();
            traits.Add(new(entry.Name, entry.Operation, instance.Arguments.Count, instance.Items, instance.Aliases.Count > 0, instance.CanRepeat));
        }
        return traits;
    }

    private static double[] Sizes(ReadOnlySpan<double> values)
    {
        var sizes = new double[values.Length];
        for (var i = 0; i < sizes.Length; i++)
            sizes[i] = Math.Abs(values[i]);
        return sizes;
    }
}
