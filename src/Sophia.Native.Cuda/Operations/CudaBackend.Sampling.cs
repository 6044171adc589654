using Sophia.Native.Cuda.Compilation;
using Sophia.Native.Cuda.Launching;

namespace Sophia.Native.Cuda;

// kernels/sampling.cu: three launches, whatever the number of rows. Nothing depends on the number of threads, so small vocabularies take fewer.
public sealed partial class CudaBackend
{
    /// <summary>Columns of a part of a row; STATISTICS_BLOCK of kernels/row_statistics.cuh.</summary>
    private const int StatisticsBlock = 4096;

    /// <summary>Chains of sums in a part; STATISTICS_LANES of kernels/row_statistics.cuh.</summary>
    private const int StatisticsLanes = 16;

    private static readonly KernelFile SamplingFile = new("sampling");

    /// <inheritdoc/>
    protected override void SampleTokensCore(DeviceView tokens, DeviceView logProbabilities, DeviceView logits, DeviceView samples, DeviceView positions, in SamplingOptions options)
    {
        if (logits.Rows == 0)
            return;
        var vocabulary = (int)logits.Columns;
        var parts = (int)BlocksOf(vocabulary, StatisticsBlock);
        var all = logits.Rows * parts;
        var greedy = options.Temperature == 0f;
        var truncated = !greedy && ((options.TopK > 0 && options.TopK < vocabulary) || options.TopP < 1f);
        var threads = (int)Math.Clamp(BlocksOf(Math.Min(vocabulary, StatisticsBlock), 4 * 32) * 32, 32, 256);

        // Of every part of a row: its maximum, its sixteen sums, and its best score and token.
        var partials = Scratch(ScratchSlot.Partials, all * (StatisticsLanes + 3) * sizeof(float));
        var maxima = Part(partials, 0, all);
        var sums = Part(partials, all, all * StatisticsLanes);
        var bestScores = Part(partials, all * (StatisticsLanes + 1), all);
        var bestTokens = Part(partials, all * (StatisticsLanes + 2), all, ElementType.Int32);

        var scale = Begin(SamplingFile, "sampling_scale", ElementType.Float32);
        scale.Add(maxima);
        scale.AddMatrix(logits);
        scale.Add(vocabulary);
        scale.Add(greedy ? 1f : 1f / options.Temperature);
        scale.Run(logits.Rows, parts, 1, threads, 0);

        var scores = Begin(SamplingFile, "sampling_scores", ElementType.Float32);
        scores.Add(sums);
        scores.Add(bestScores);
        scores.Add(bestTokens);
        scores.Add(maxima);
        scores.AddMatrix(logits);
        scores.Add(samples);
        scores.Add(positions);
        scores.Add(vocabulary);
        scores.Add(greedy ? 1 : 0);
        scores.Add(truncated ? 1 : 0);
        scores.Add(options.MinP);
        scores.Add(options.Seed);
        scores.Run(logits.Rows, parts, 1, threads, 0);

        if (truncated)
        {
            var draw = Begin(SamplingFile, "sampling_truncated", ElementType.Float32);
            draw.Add(tokens);
            draw.Add(logProbabilities);
            draw.AddMatrix(logits);
            draw.Add(maxima);
            draw.Add(sums);
            draw.Add(samples);
            draw.Add(positions);
            draw.Add(parts);
            draw.Add(vocabulary);
            draw.Add(options.TopK);
            draw.Add(options.TopP);
            draw.Add(options.MinP);
            draw.Add(options.Seed);
            draw.Run(logits.Rows, 1, 1, (int)Math.Clamp(BlocksOf(vocabulary, 4 * 32) * 32, 64, 1024), 0);
            return;
        }
        var finish = Begin(SamplingFile, "sampling_finish", ElementType.Float32);
        finish.Add(tokens);
        finish.Add(logProbabilities);
        finish.AddMatrix(logits);
        finish.Add(maxima);
        finish.Add(sums);
        finish.Add(bestScores);
        finish.Add(bestTokens);
        finish.Add(parts);
        finish.Run(logits.Rows, 1, 1, 32, 0);
    }

    /// <summary>Elements of four bytes of scratch memory.</summary>
    private static DeviceView Part(DeviceView scratch, long first, long count, ElementType type = ElementType.Float32) => new(scratch.Buffer, scratch.ByteOffset + first * sizeof(float), 1, count, count, type);
}
