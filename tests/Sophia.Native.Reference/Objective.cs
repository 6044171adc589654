namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>-sg(clip(w, low, high)) * R * log p + coefficient * KL(d): loss, derivative by log p, ratio before clipping.</summary>
    public static (double Loss, double Derivative, double Ratio) TokenObjective(ReferenceObjective objective, double logProbability, double behavior, double snapshot, double sequenceLogRatio,
        double reference, double weight)
    {
        var ratio = objective.Ratio switch
        {
            ReferenceRatio.Token => Math.Exp(logProbability - behavior),
            ReferenceRatio.Sequence => Math.Exp(sequenceLogRatio),
            ReferenceRatio.Multiple => 2.0 / (Math.Exp(behavior - logProbability) + Math.Exp(snapshot - logProbability)),
            _ => 1.0,
        };
        var clipped = Math.Min(Math.Max(ratio, objective.ClipLow), objective.ClipHigh);
        var loss = -clipped * weight * logProbability;
        var derivative = -clipped * weight;
        var d = logProbability - reference;
        switch (objective.Divergence)
        {
            case ReferenceDivergence.K1:
                loss += objective.DivergenceCoefficient * d;
                derivative += objective.DivergenceCoefficient;
                break;
            case ReferenceDivergence.K2:
                loss += objective.DivergenceCoefficient * 0.5 * d * d;
                derivative += objective.DivergenceCoefficient * d;
                break;
            case ReferenceDivergence.K3:
                loss += objective.DivergenceCoefficient * (Math.Exp(-d) - 1.0 + d);
                derivative += objective.DivergenceCoefficient * (1.0 - Math.Exp(-d));
                break;
        }
        return (loss, derivative, ratio);
    }

    /// <summary>
    /// The factor of every trained token's loss (mask not 0), n_i trained tokens in sequence i: token mean 1 / sum n_i, token sum 1, sequence mean of token sums 1 / sequences that have one,
    /// sequence mean of token means 1 / (n_i sequences), square 1 / (sqrt(n_i) sum sqrt(n_j)).
    /// </summary>
    public static void LossNormalizers(Span<double> normalizers, ReadOnlySpan<byte> lossMask, ReadOnlySpan<int> offsets, ReferenceNormalization normalization)
    {
        double tokens = 0.0, sequences = 0.0, roots = 0.0;
        for (var b = 0; b + 1 < offsets.Length; b++)
        {
            var trained = Trained(lossMask, offsets, b);
            tokens += trained;
            sequences += trained > 0 ? 1.0 : 0.0;
            roots += Math.Sqrt(trained);
        }
        for (var b = 0; b + 1 < offsets.Length; b++)
        {
            var trained = Trained(lossMask, offsets, b);
            for (var n = offsets[b]; n < offsets[b + 1]; n++)
            {
                normalizers[n] = lossMask[n] == 0 ? 0.0 : normalization switch
                {
                    ReferenceNormalization.TokenMean => 1.0 / tokens,
                    ReferenceNormalization.TokenSum => 1.0,
                    ReferenceNormalization.SequenceMeanTokenSum => 1.0 / sequences,
                    ReferenceNormalization.SequenceMeanTokenMean => 1.0 / (trained * sequences),
                    _ => 1.0 / (Math.Sqrt(trained) * roots),
                };
            }
        }
    }

    /// <summary>The mean over a sequence's trained tokens (normalizer not 0) of logProbability - behavior, on each of its rows; 0 without trained tokens.</summary>
    public static void SequenceLogRatios(Span<double> sequenceLogRatios, ReadOnlySpan<double> logProbabilities, ReadOnlySpan<double> behaviorLogProbabilities, ReadOnlySpan<double> normalizers,
        ReadOnlySpan<int> offsets)
    {
        for (var b = 0; b + 1 < offsets.Length; b++)
        {
            var sum = 0.0;
            var trained = 0;
            for (var n = offsets[b]; n < offsets[b + 1]; n++)
            {
                if (normalizers[n] != 0.0)
                {
                    sum += logProbabilities[n] - behaviorLogProbabilities[n];
                    trained++;
                }
            }
            for (var n = offsets[b]; n < offsets[b + 1]; n++)
                sequenceLogRatios[n] = trained == 0 ? 0.0 : sum / trained;
        }
    }

    /// <summary>
    /// Adds the trained tokens (a target, and a normalizer that is not 0) to the metrics: loss, tokens, ratio, squared ratio, largest ratio, tokens outside the clip bounds, log mu - log pi,
    /// k3 of the reference, entropy, then the histogram of the log ratio: 128 bins of 1/16 from -4, the outer ones open.
    /// </summary>
    public static void ObjectiveStatistics(Span<double> metrics, ReadOnlySpan<double> logProbabilities, ReadOnlySpan<double> entropies, ReadOnlySpan<double> losses, ReadOnlySpan<double> ratios,
        ReadOnlySpan<int> targets, ReadOnlySpan<double> normalizers, ReadOnlySpan<double> behavior, ReadOnlySpan<double> reference, double clipLow, double clipHigh)
    {
        const int firstBin = 9;
        const int bins = 128;
        for (var n = 0; n < targets.Length; n++)
        {
            if (targets[n] < 0 || normalizers[n] == 0.0)
                continue;
            metrics[0] += losses[n];
            metrics[1] += 1.0;
            metrics[2] += ratios[n];
            metrics[3] += ratios[n] * ratios[n];
            metrics[4] = Math.Max(metrics[4], ratios[n]);
            metrics[5] += ratios[n] < clipLow || ratios[n] > clipHigh ? 1.0 : 0.0;
            if (!behavior.IsEmpty)
                metrics[6] += behavior[n] - logProbabilities[n];
            if (!reference.IsEmpty)
            {
                var d = logProbabilities[n] - reference[n];
                metrics[7] += Math.Exp(-d) - 1.0 + d;
            }
            metrics[8] += entropies[n];
            var bin = Math.Clamp(Math.Floor((Math.Log(ratios[n]) + 4.0) * 16.0), 0.0, bins - 1);
            metrics[firstBin + (int)bin] += 1.0;
        }
    }

    private static int Trained(ReadOnlySpan<byte> lossMask, ReadOnlySpan<int> offsets, int sequence)
    {
        var trained = 0;
        for (var n = offsets[sequence]; n < offsets[sequence + 1]; n++)
            trained += lossMask[n] != 0 ? 1 : 0;
        return trained;
    }
}
