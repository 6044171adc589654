namespace Sophia.Native.Pipeline.Rollouts;

/// <summary>What came out of a round.</summary>
public sealed record RolloutSummary
{
    /// <summary>(image, question) pairs with all their captions and answers.</summary>
    public required int Pairs { get; init; }

    /// <summary>Pairs of the shard that lack captions or answers and were left out.</summary>
    public required int IncompletePairs { get; init; }

    /// <summary>Mean of the outcome rewards over all answers; 0 without any.</summary>
    public required double MeanReward { get; init; }

    /// <summary>Share of the captions whose reward is above alpha.</summary>
    public required double CaptionsPassing { get; init; }

    /// <summary>Share of the pairs of which at least one trajectory was selected.</summary>
    public required double PairsKept { get; init; }

    /// <summary>Share of the pairs with at least one right answer.</summary>
    public required double PairsWithAnyRight { get; init; }

    /// <summary>Share of the answers that were truncated.</summary>
    public required double Truncated { get; init; }

    /// <summary>Selected trajectories.</summary>
    public required int Selected { get; init; }

    /// <summary>Mean length of the selected trajectories in tokens of the policy; 0 without any.</summary>
    public required double MeanSelectedLength { get; init; }
}
