namespace Sophia.Native.Objectives;

/// <summary>
/// The metrics block of a step, which the device fills and the host reads once: sums over trained tokens (Float64), and a histogram of the log ratio from which percentiles are read.
/// Its percentiles are exact to the width of a bin, 1/16 in the log ratio.
/// </summary>
public readonly ref struct ObjectiveMetrics
{
    /// <summary>Index of the loss sum (losses carry their normalizers).</summary>
    public const int LossIndex = 0;

    /// <summary>Index of the number of trained tokens.</summary>
    public const int TokensIndex = 1;

    /// <summary>Index of the sum of ratios before clipping.</summary>
    public const int RatioSumIndex = 2;

    /// <summary>Index of the sum of squared ratios.</summary>
    public const int RatioSquareSumIndex = 3;

    /// <summary>Index of the largest ratio.</summary>
    public const int RatioMaximumIndex = 4;

    /// <summary>Index of the number of tokens whose ratio lies outside the clip bounds.</summary>
    public const int ClippedIndex = 5;

    /// <summary>Index of the sum of log mu - log pi (the k1 estimate of KL(mu, pi)).</summary>
    public const int BehaviorDivergenceIndex = 6;

    /// <summary>Index of the sum of the k3 estimate of the divergence from the reference.</summary>
    public const int ReferenceDivergenceIndex = 7;

    /// <summary>Index of the sum of entropies.</summary>
    public const int EntropyIndex = 8;

    /// <summary>Index of the first histogram bin.</summary>
    public const int HistogramIndex = 9;

    /// <summary>Number of histogram bins: log ratios from -4 to 4, the outer ones open.</summary>
    public const int HistogramBins = 128;

    /// <summary>Elements of the block.</summary>
    public const int Length = HistogramIndex + HistogramBins;

    private readonly ReadOnlySpan<double> _block;

    /// <summary>Reads a downloaded block.</summary>
    /// <param name="block"><see cref="Length"/> values.</param>
    public ObjectiveMetrics(ReadOnlySpan<double> block)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(block.Length, Length);
        _block = block;
    }

    /// <summary>The optimized value.</summary>
    public double Loss => _block[LossIndex];

    /// <summary>Number of trained tokens.</summary>
    public double Tokens => _block[TokensIndex];

    /// <summary>Mean ratio before clipping.</summary>
    public double RatioMean => Mean(RatioSumIndex);

    /// <summary>Largest ratio.</summary>
    public double RatioMaximum => _block[RatioMaximumIndex];

    /// <summary>Share of tokens whose ratio is clipped.</summary>
    public double ClipFraction => Mean(ClippedIndex);

    /// <summary>Mean of log mu - log pi.</summary>
    public double BehaviorDivergence => Mean(BehaviorDivergenceIndex);

    /// <summary>Mean k3 divergence from the reference.</summary>
    public double ReferenceDivergence => Mean(ReferenceDivergenceIndex);

    /// <summary>Mean entropy in nats.</summary>
    public double Entropy => Mean(EntropyIndex);

    /// <summary>Effective sample size as a share of the tokens: (sum r)^2 / (n * sum r^2).</summary>
    public double EffectiveSampleShare => _block[RatioSquareSumIndex] > 0 ? _block[RatioSumIndex] * _block[RatioSumIndex] / (Tokens * _block[RatioSquareSumIndex]) : 0;

    /// <summary>The bin of a log ratio.</summary>
    /// <param name="logRatio">log of the ratio before clipping.</param>
    public static int Bin(float logRatio) => (int)Math.Clamp(MathF.Floor((logRatio + 4f) * 16f), 0f, HistogramBins - 1);

    /// <summary>The ratio below which the given share of tokens lies: the upper edge of its bin, or the largest ratio where that is smaller or the bin is the open one.</summary>
    /// <param name="share">Between 0 and 1.</param>
    public double RatioPercentile(double share)
    {
        var wanted = share * Tokens;
        var seen = 0.0;
        for (var bin = 0; bin + 1 < HistogramBins; bin++)
        {
            seen += _block[HistogramIndex + bin];
            if (seen >= wanted)
                return Math.Min(Math.Exp((bin + 1) / 16.0 - 4.0), RatioMaximum);
        }
        return RatioMaximum;
    }

    private double Mean(int index) => Tokens > 0 ? _block[index] / Tokens : 0;
}
