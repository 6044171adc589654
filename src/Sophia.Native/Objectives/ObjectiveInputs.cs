namespace Sophia.Native.Objectives;

/// <summary>What an objective reads, an entry per packed token; entry n belongs to the prediction that row n of the hidden states makes.</summary>
public readonly struct ObjectiveInputs
{
    /// <summary>[N] Int32: the token that row n predicts, or minus one where there is none.</summary>
    public required DeviceView Targets { get; init; }

    /// <summary>[N]: R, the reward or advantage of the predicted token.</summary>
    public required DeviceView Weights { get; init; }

    /// <summary>[N]: the factor of the token's loss, which carries the normalization over the whole batch; 0 for tokens that are not trained.</summary>
    public required DeviceView Normalizers { get; init; }

    /// <summary>[N]: log mu; needed by the ratios token, sequence and multiple.</summary>
    public DeviceView BehaviorLogProbabilities { get; init; }

    /// <summary>[N]: the policy's own log-probabilities at the start of the round; needed by the ratio multiple.</summary>
    public DeviceView SnapshotLogProbabilities { get; init; }

    /// <summary>[N]: log-probabilities under the reference; needed by the divergence term.</summary>
    public DeviceView ReferenceLogProbabilities { get; init; }

    /// <summary>[N]: result of <see cref="Backend.SequenceLogRatios"/>; needed by the ratio sequence.</summary>
    public DeviceView SequenceLogRatios { get; init; }
}
