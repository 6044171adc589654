using Sophia.Native.Objectives;

namespace Sophia.Native.Tests.Conformance;

public sealed class ObjectiveMetricsTests
{
    [Fact]
    public void A_percentile_is_never_above_the_largest_ratio()
    {
        var block = Block(1.0, 1.0, 1.0);
        Assert.Equal(1.0, new ObjectiveMetrics(block).RatioPercentile(0.5));
        Assert.Equal(1.0, new ObjectiveMetrics(block).RatioPercentile(0.95));
    }

    [Fact]
    public void A_percentile_lies_within_a_bin_above_the_ratio()
    {
        var block = Block(0.5, 0.7, 0.9, 1.1, 3.0);
        Assert.InRange(new ObjectiveMetrics(block).RatioPercentile(0.5), 0.9, 0.9 * Math.Exp(1 / 16.0));
        Assert.Equal(3.0, new ObjectiveMetrics(block).RatioPercentile(1.0));
    }

    [Fact]
    public void Ratios_beyond_the_last_bin_are_answered_by_the_largest() => Assert.Equal(500.0, new ObjectiveMetrics(Block(100.0, 500.0)).RatioPercentile(0.95));

    private static double[] Block(params ReadOnlySpan<double> ratios)
    {
        var block = new double[ObjectiveMetrics.Length];
        foreach (var ratio in ratios)
        {
            block[ObjectiveMetrics.TokensIndex]++;
            block[ObjectiveMetrics.RatioMaximumIndex] = Math.Max(block[ObjectiveMetrics.RatioMaximumIndex], ratio);
            block[ObjectiveMetrics.HistogramIndex + ObjectiveMetrics.Bin((float)Math.Log(ratio))]++;
        }
        return block;
    }
}
