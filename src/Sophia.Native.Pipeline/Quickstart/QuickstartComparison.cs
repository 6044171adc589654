using System.Globalization;
using Sophia.Native.Pipeline.Quickstart.Report;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>Runs of the same arms under several seeds, put together: every arm against the method, question by question.</summary>
public sealed class QuickstartComparison
{
    /// <summary>Compares.</summary>
    /// <param name="outcomes">A run of each seed.</param>
    /// <exception cref="ArgumentException">There is no run, or they have not the same arms.</exception>
    public QuickstartComparison(IReadOnlyList<QuickstartOutcome> outcomes)
    {
        ArgumentNullException.ThrowIfNull(outcomes);
        if (outcomes.Count == 0)
            throw new ArgumentException("Expected at least one run, found none.", nameof(outcomes));
        var names = outcomes[0].Arms.Select(arm => arm.Name).ToList();
        foreach (var outcome in outcomes)
        {
            if (!outcome.Arms.Select(arm => arm.Name).SequenceEqual(names))
                throw new ArgumentException($"Expected the arms {string.Join(", ", names)} under every seed, found {string.Join(", ", outcome.Arms.Select(arm => arm.Name))} under seed {outcome.Seed}.", nameof(outcomes));
        }
        Seeds = [.. outcomes.Select(outcome => outcome.Seed)];
        Minutes = outcomes.Sum(outcome => outcome.Minutes);
        var arms = new List<ArmComparison>();
        for (var i = 0; i < names.Count; i++)
            arms.Add(Compare([.. outcomes.Select(outcome => outcome.Arms[i])], [.. outcomes.Select(outcome => outcome.Arms.FirstOrDefault(arm => arm.Name == QuickstartArm.Method))]));
        Arms = arms;
    }

    /// <summary>The seeds.</summary>
    public IReadOnlyList<ulong> Seeds { get; }

    /// <summary>The base, then the arms.</summary>
    public IReadOnlyList<ArmComparison> Arms { get; }

    /// <summary>Of all runs together.</summary>
    public double Minutes { get; }

    /// <summary>Writes the report of all seeds, beside the folders of their own reports.</summary>
    /// <param name="path">The file, usually report.html.</param>
    public void WriteReport(string path) => QuickstartReport.Write(path, new("SOPHIA in the small, over seeds",
    [
        $"The same arms under {Seeds.Count} seeds: another world, another model, another warm-up each. Arms of one seed answer the same questions and start from the same model, so differences are taken question by question.",
    ])
    {
        Arms = [.. Arms.Select(arm => arm.Pooled)],
        Comparison = this,
        Configuration =
        [
            new("seeds", string.Join(", ", Seeds)),
            new("time", string.Create(CultureInfo.InvariantCulture, $"{Minutes:0.0} minutes")),
        ],
    });

    private static ArmComparison Compare(ArmResult[] arms, ArmResult?[] methods)
    {
        var sampled = new List<Estimate>();
        var greedy = new List<Estimate>();
        for (var i = 0; i < arms.Length; i++)
        {
            if (methods[i] is not { } method || method.Name == arms[i].Name)
                continue;
            sampled.Add(Estimate.OfDifference(arms[i].SampledRight, method.SampledRight));
            greedy.Add(Estimate.OfDifference(arms[i].GreedyRight, method.GreedyRight));
        }
        return new(Pool(arms), sampled, greedy);
    }

    private static ArmResult Pool(ArmResult[] arms)
    {
        var pooled = arms[0] with
        {
            Sampled = Estimate.OfStrata([.. arms.Select(arm => arm.Sampled)]),
            Greedy = Estimate.OfStrata([.. arms.Select(arm => arm.Greedy)]),
            SampledRight = [.. arms.SelectMany(arm => arm.SampledRight)],
            GreedyRight = [.. arms.SelectMany(arm => arm.GreedyRight)],
            SampledLength = arms.Average(arm => arm.SampledLength),
            GreedyLength = arms.Average(arm => arm.GreedyLength),
            Update = arms[0].Update is null ? null : new(arms.Sum(arm => arm.Update!.Sequences), arms.Sum(arm => arm.Update!.Tokens), arms.Average(arm => arm.Update!.Epochs), Pool(arms.Select(arm => arm.Update!.Ratios))),
            Minutes = arms.Average(arm => arm.Minutes),
        };
        foreach (var arm in arms.AsSpan(1))
        {
            pooled = pooled with
            {
                SampledClaims = pooled.SampledClaims + arm.SampledClaims,
                GreedyClaims = pooled.GreedyClaims + arm.GreedyClaims,
                Captions = pooled.Captions + arm.Captions,
                Data = pooled.Data is null ? null : pooled.Data + arm.Data!,
            };
        }
        return pooled;
    }

    /// <summary>Means over the seeds of what the ratios' spread is in each.</summary>
    private static RatioSpread? Pool(IEnumerable<RatioSpread?> spreads)
    {
        var known = spreads.OfType<RatioSpread>().ToList();
        return known.Count == 0 ? null : new(known.Average(one => one.Low), known.Average(one => one.Median), known.Average(one => one.High), known.Average(one => one.ClippedShare));
    }
}
