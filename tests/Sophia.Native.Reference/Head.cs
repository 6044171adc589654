namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>z = hidden * weight^T / temperature, logp = z[target] - logsumexp(z), entropy = logsumexp(z) - sum softmax(z) * z; 0 without a target.</summary>
    public static void HeadForward(Span<double> logProbabilities, Span<double> entropies, ReadOnlySpan<double> hidden, ReadOnlySpan<double> weight, ReadOnlySpan<int> targets, double temperature,
        int channels, int vocabulary)
    {
        var logits = new double[vocabulary];
        for (var n = 0; n < targets.Length; n++)
        {
            var (logProbability, entropy) = (0.0, 0.0);
            if (targets[n] >= 0)
            {
                FillLogits(logits, hidden.Slice(n * channels, channels), weight, temperature);
                (logProbability, entropy, _) = Statistics(logits, targets[n]);
            }
            logProbabilities[n] = logProbability;
            if (!entropies.IsEmpty)
                entropies[n] = entropy;
        }
    }

    /// <summary>
    /// The loss of every token times its normalizer, and its gradients: d loss / d logits = derivative * normalizer * (onehot - softmax) / temperature, dHidden overwritten, dWeight added to.
    /// With <paramref name="terms"/> the sizes of the terms of the two gradients are added up instead, or their squares.
    /// </summary>
    public static void HeadObjective(Span<double> dHidden, Span<double> dWeight, Span<double> logProbabilities, Span<double> entropies, Span<double> losses, Span<double> ratios,
        ReadOnlySpan<double> hidden, ReadOnlySpan<double> weight, ReadOnlySpan<int> targets, ReadOnlySpan<double> weights, ReadOnlySpan<double> normalizers, ReadOnlySpan<double> behavior,
        ReadOnlySpan<double> snapshot, ReadOnlySpan<double> reference, ReadOnlySpan<double> sequenceLogRatios, ReferenceObjective objective, double temperature, int channels, int vocabulary, ReferenceTerms terms = ReferenceTerms.Values)
    {
        var logits = new double[vocabulary];
        for (var n = 0; n < targets.Length; n++)
        {
            logProbabilities[n] = entropies[n] = losses[n] = ratios[n] = 0.0;
            dHidden.Slice(n * channels, channels).Clear();
            if (targets[n] < 0)
                continue;
            FillLogits(logits, hidden.Slice(n * channels, channels), weight, temperature);
            var (logProbability, entropy, logSumExp) = Statistics(logits, targets[n]);
            var (loss, derivative, ratio) = TokenObjective(objective, logProbability, At(behavior, n), At(snapshot, n), At(sequenceLogRatios, n), At(reference, n), weights[n]);
            logProbabilities[n] = logProbability;
            entropies[n] = entropy;
            losses[n] = normalizers[n] == 0.0 ? 0.0 : loss * normalizers[n];
            ratios[n] = ratio;
            if (normalizers[n] == 0.0)
                continue;
            for (var v = 0; v < vocabulary; v++)
            {
                var dLogit = derivative * normalizers[n] * ((v == targets[n] ? 1.0 : 0.0) - Math.Exp(logits[v] - logSumExp)) / temperature;
                for (var c = 0; c < channels; c++)
                {
                    dHidden[n * channels + c] += Term(dLogit * weight[v * channels + c], terms);
                    if (!dWeight.IsEmpty)
                        dWeight[v * channels + c] += Term(dLogit * hidden[n * channels + c], terms);
                }
            }
        }
    }

    private static void FillLogits(Span<double> logits, ReadOnlySpan<double> hidden, ReadOnlySpan<double> weight, double temperature)
    {
        for (var v = 0; v < logits.Length; v++)
        {
            var sum = 0.0;
            for (var c = 0; c < hidden.Length; c++)
                sum += hidden[c] * weight[v * hidden.Length + c];
            logits[v] = sum / temperature;
        }
    }

    private static (double LogProbability, double Entropy, double LogSumExp) Statistics(ReadOnlySpan<double> logits, int target)
    {
        var maximum = double.NegativeInfinity;
        foreach (var logit in logits)
            maximum = Math.Max(maximum, logit);
        var sum = 0.0;
        foreach (var logit in logits)
            sum += Math.Exp(logit - maximum);
        var logSumExp = maximum + Math.Log(sum);
        var entropy = 0.0;
        foreach (var logit in logits)
            entropy += Math.Exp(logit - logSumExp) * (logSumExp - logit);
        return (logits[target] - logSumExp, entropy, logSumExp);
    }

    private static double At(ReadOnlySpan<double> values, int index) => values.IsEmpty ? 0.0 : values[index];
}
