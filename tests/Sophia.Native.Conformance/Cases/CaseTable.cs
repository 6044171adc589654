namespace Sophia.Native.Conformance;

/// <summary>The one table of operation x shape that every backend runs. Cases of an operation are in the file of its name.</summary>
public static partial class CaseTable
{
    private static readonly Lazy<OrderedDictionary<string, OperationCase>> Cases = new(Collect);
    private static readonly Lazy<IReadOnlyList<(string, CaseInstance)>> Instances = new(Sample);

    /// <summary>All cases.</summary>
    public static IReadOnlyList<OperationCase> All => Cases.Value.Values;

    /// <summary>One instance of every case, for what does not depend on the numbers.</summary>
    public static IReadOnlyList<(string Name, CaseInstance Instance)> Samples => Instances.Value;

    /// <summary>The case of a name.</summary>
    /// <param name="name">Operation and shape.</param>
    public static OperationCase Find(string name) => Cases.Value[name];

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

    private static List<(string, CaseInstance)> Sample()
    {
        var samples = new List<(string, CaseInstance)>();
        foreach (var entry in All)
            samples.Add((entry.Name, entry.Build()));
        return samples;
    }

    private static double[] Sizes(ReadOnlySpan<double> values)
    {
        var sizes = new double[values.Length];
        for (var i = 0; i < sizes.Length; i++)
            sizes[i] = Math.Abs(values[i]);
        return sizes;
    }
}
