namespace Sophia.Native.Objectives;

/// <summary>The constants of an objective.</summary>
public readonly record struct ObjectiveOptions
{
    /// <summary>The paper's loss: ratio one, no divergence term, temperature 1.</summary>
    public ObjectiveOptions()
    {
    }

    /// <summary>Which importance ratio weighs a token.</summary>
    public ImportanceRatio Ratio { get; init; } = ImportanceRatio.One;

    /// <summary>Lower bound of the ratio; negative infinity for none.</summary>
    public float ClipLow { get; init; } = float.NegativeInfinity;

    /// <summary>Upper bound of the ratio; positive infinity for none.</summary>
    public float ClipHigh { get; init; } = float.PositiveInfinity;

    /// <summary>Estimator of the divergence from the reference.</summary>
    public DivergenceEstimator Divergence { get; init; } = DivergenceEstimator.None;

    /// <summary>Coefficient of the divergence term.</summary>
    public float DivergenceCoefficient { get; init; }

    /// <summary>The logits are divided by this before the softmax; that of the behavior policy.</summary>
    public float Temperature { get; init; } = 1f;
}
