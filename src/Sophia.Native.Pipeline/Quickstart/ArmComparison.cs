using Sophia.Native.Pipeline.Quickstart.Report;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>An arm over all seeds, and how it differs from the method on the same questions.</summary>
public sealed class ArmComparison
{
    internal ArmComparison(ArmResult pooled, IReadOnlyList<Estimate> sampledDifferences, IReadOnlyList<Estimate> greedyDifferences)
    {
        Pooled = pooled;
        SampledDifferences = sampledDifferences;
        GreedyDifferences = greedyDifferences;
    }

    /// <summary>The arm over all seeds: means of accuracies, lengths and minutes; sums of statements, captions and data.</summary>
    public ArmResult Pooled { get; }

    /// <summary>Accuracy of sampled answers less the method's, with the paired standard error, for each seed; empty for the method itself and where the method was not run.</summary>
    public IReadOnlyList<Estimate> SampledDifferences { get; }

    /// <summary>The same of greedy answers.</summary>
    public IReadOnlyList<Estimate> GreedyDifferences { get; }

    /// <summary>Mean over the seeds of the sampled difference; its standard error is that of the questions, these seeds given.</summary>
    public Estimate? SampledDifference => Pool(SampledDifferences);

    /// <summary>The same of greedy answers.</summary>
    public Estimate? GreedyDifference => Pool(GreedyDifferences);

    /// <summary>Standard error of the mean sampled difference from its scatter between the seeds, which counts the chance in warm-up and update too; null with one seed.</summary>
    public double? SampledSeedError => SeedError(SampledDifferences);

    /// <summary>The same of greedy answers.</summary>
    public double? GreedySeedError => SeedError(GreedyDifferences);

    private static Estimate? Pool(IReadOnlyList<Estimate> differences) => differences.Count == 0 ? null : Estimate.OfStrata([.. differences]);

    private static double? SeedError(IReadOnlyList<Estimate> differences) =>
        differences.Count < 2 ? null : Estimate.OfMean([.. differences.Select(difference => difference.Value)]).StandardError;
}
