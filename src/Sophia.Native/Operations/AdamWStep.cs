namespace Sophia.Native;

/// <summary>The constants of one AdamW step; in double, because 1 - beta loses four digits when beta is rounded to fp32 first.</summary>
public readonly record struct AdamWStep
{
    /// <summary>Learning rate of this step.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Decay of the first moment.</summary>
    public required double Beta1 { get; init; }

    /// <summary>Decay of the second moment.</summary>
    public required double Beta2 { get; init; }

    /// <summary>Added to the root of the second moment.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Decoupled weight decay.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>Number of this step, from 1, for the bias corrections.</summary>
    public required int Step { get; init; }

    /// <summary>The Philox key of stochastic rounding, where parameters or moments are stored as BFloat16.</summary>
    public ulong Seed { get; init; }
}
