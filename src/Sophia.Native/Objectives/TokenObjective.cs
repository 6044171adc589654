namespace Sophia.Native.Objectives;

/// <summary>
/// The SOPHIA loss of one token: -sg(clip(w, low, high)) * R * log p + coefficient * KL(d), d = log p - log reference; sg stops the gradient (arXiv 2507.16814, equations 3, 6 and 7).
/// The same function serves every backend that runs C#, ILGPU's kernels too.
/// </summary>
public static class TokenObjective
{
    /// <summary>Evaluates the loss of one trained token in fp32.</summary>
    /// <param name="options">The constants.</param>
    /// <param name="logProbability">log pi of the token.</param>
    /// <param name="behavior">log mu of the token; used by <see cref="ImportanceRatio.Token"/> and <see cref="ImportanceRatio.Multiple"/>.</param>
    /// <param name="snapshot">log pi at the start of the round; used by <see cref="ImportanceRatio.Multiple"/>.</param>
    /// <param name="sequenceLogRatio">The mean log ratio of the token's sequence; used by <see cref="ImportanceRatio.Sequence"/>.</param>
    /// <param name="reference">log-probability under the reference; used by the divergence term.</param>
    /// <param name="weight">R, the reward or advantage.</param>
    public static TokenTerm Evaluate(in ObjectiveOptions options, float logProbability, float behavior, float snapshot, float sequenceLogRatio, float reference, float weight)
    {
        var ratio = options.Ratio switch
        {
            ImportanceRatio.Token => ScalarMath.Exp(logProbability - behavior),
            ImportanceRatio.Sequence => ScalarMath.Exp(sequenceLogRatio),
            ImportanceRatio.Multiple => 2f / (ScalarMath.Exp(behavior - logProbability) + ScalarMath.Exp(snapshot - logProbability)),
            _ => 1f,
        };
        var clipped = MathF.Min(MathF.Max(ratio, options.ClipLow), options.ClipHigh);
        var derivative = -clipped * weight;
        var loss = derivative * logProbability;
        if (options.Divergence != DivergenceEstimator.None)
        {
            var difference = logProbability - reference;
            var (value, slope) = Divergence(options.Divergence, difference);
            loss += options.DivergenceCoefficient * value;
            derivative += options.DivergenceCoefficient * slope;
        }
        return new(loss, derivative, ratio);
    }

    private static (float Value, float Slope) Divergence(DivergenceEstimator estimator, float difference)
    {
        switch (estimator)
        {
            case DivergenceEstimator.K1:
                return (difference, 1f);
            case DivergenceEstimator.K2:
                return (0.5f * difference * difference, difference);
            default:
                var inverse = ScalarMath.Exp(-difference);
                return (inverse - 1f + difference, 1f - inverse);
        }
    }
}
