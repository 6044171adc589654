using System.Runtime.Intrinsics;
using Sophia.Native.Objectives;

namespace Sophia.Native.Cpu;

// Sums over the tokens of a batch, in order and in double precision, on the calling thread: a few operations a token.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    /// <exception cref="ArgumentException">Offsets that are out of order or outside the rows.</exception>
    protected override void SequenceLogRatiosCore(DeviceView sequenceLogRatios, DeviceView logProbabilities, DeviceView behaviorLogProbabilities, DeviceView normalizers, DeviceView offsets)
    {
        var ratios = new Span<float>(Floats(sequenceLogRatios), Size(sequenceLogRatios.Length));
        var logProbability = Floats(logProbabilities);
        var behavior = Floats(behaviorLogProbabilities);
        var normalizer = Floats(normalizers);
        var offset = (int*)offsets.Address;
        ratios.Clear();
        for (var sequence = 0; sequence + 1 < offsets.Length; sequence++)
        {
            var (first, end) = (offset[sequence], offset[sequence + 1]);
            if (first < 0 || end < first || end > ratios.Length)
                throw new ArgumentException($"SequenceLogRatios: sequence {sequence} is rows {first} to {end}; expected rows in order, below {ratios.Length}.", nameof(offsets));
            var sum = 0.0;
            var trained = 0;
            for (var row = first; row < end; row++)
            {
                if (normalizer[row] == 0f)
                    continue;
                sum += (double)logProbability[row] - behavior[row];
                trained++;
            }
            ratios[first..end].Fill(trained == 0 ? 0f : (float)(sum / trained));
        }
    }

    /// <inheritdoc/>
    protected override void ObjectiveStatisticsCore(DeviceView metrics, in ObjectiveResults results, in ObjectiveInputs inputs, in ObjectiveOptions options)
    {
        var block = (double*)metrics.Address;
        var targets = (int*)inputs.Targets.Address;
        var normalizers = Floats(inputs.Normalizers);
        var behavior = Floats(inputs.BehaviorLogProbabilities);
        var reference = Floats(inputs.ReferenceLogProbabilities);
        var logProbabilities = Floats(results.LogProbabilities);
        var entropies = Floats(results.Entropies);
        var losses = Floats(results.Losses);
        var ratios = Floats(results.Ratios);
        for (long token = 0; token < inputs.Targets.Length; token++)
        {
            if (targets[token] < 0 || normalizers[token] == 0f)
                continue;
            double ratio = ratios[token];
            block[ObjectiveMetrics.LossIndex] += losses[token];
            block[ObjectiveMetrics.TokensIndex] += 1.0;
            block[ObjectiveMetrics.RatioSumIndex] += ratio;
            block[ObjectiveMetrics.RatioSquareSumIndex] += ratio * ratio;
            block[ObjectiveMetrics.RatioMaximumIndex] = Math.Max(block[ObjectiveMetrics.RatioMaximumIndex], ratio);
            if (ratio < options.ClipLow || ratio > options.ClipHigh)
                block[ObjectiveMetrics.ClippedIndex] += 1.0;
            if (behavior != null)
                block[ObjectiveMetrics.BehaviorDivergenceIndex] += (double)behavior[token] - logProbabilities[token];
            if (reference != null)
            {
                var difference = logProbabilities[token] - reference[token];
                block[ObjectiveMetrics.ReferenceDivergenceIndex] += (double)VectorMath<Simd256, Vector256<float>>.Exp(-difference) - 1.0 + difference;
            }
            block[ObjectiveMetrics.EntropyIndex] += entropies[token];
            block[ObjectiveMetrics.HistogramIndex + ObjectiveMetrics.Bin(VectorMath<Simd256, Vector256<float>>.Log(ratios[token]))] += 1.0;
        }
    }
}
