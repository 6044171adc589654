namespace Sophia.Native.Objectives;

/// <summary>What an objective writes, an entry per packed token; 0 where there is no target.</summary>
public readonly struct ObjectiveResults
{
    /// <summary>[N]: log-probability of the predicted token.</summary>
    public required DeviceView LogProbabilities { get; init; }

    /// <summary>[N]: entropy of the prediction in nats.</summary>
    public required DeviceView Entropies { get; init; }

    /// <summary>[N]: loss times normalizer; their sum is the loss of the batch.</summary>
    public required DeviceView Losses { get; init; }

    /// <summary>[N]: importance ratio before clipping.</summary>
    public required DeviceView Ratios { get; init; }
}
