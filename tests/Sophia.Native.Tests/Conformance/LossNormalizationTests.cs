using Sophia.Native.Objectives;

namespace Sophia.Native.Tests.Conformance;

public sealed class LossNormalizationTests
{
    /// <summary>Three sequences with 2, 0 and 1 trained tokens.</summary>
    private static readonly byte[] Mask = [0, 1, 1, 0, 0, 1];
    private static readonly int[] Offsets = [0, 3, 5, 6];

    [Fact]
    public void Totals_count_tokens_sequences_with_one_and_roots() => Assert.Equal(new LossTotals(3, 2, Math.Sqrt(2) + 1), LossTotals.Of(Mask, Offsets));

    [Theory]
    [InlineData(NormalizationMode.TokenMean, 1.0 / 3, 1.0 / 3)]
    [InlineData(NormalizationMode.TokenSum, 1.0, 1.0)]
    [InlineData(NormalizationMode.SequenceMeanTokenSum, 0.5, 0.5)]
    [InlineData(NormalizationMode.SequenceMeanTokenMean, 0.25, 0.5)]
    [InlineData(NormalizationMode.Square, 0.2928932, 0.4142136)]
    public void Each_average_gives_its_factor_and_untrained_rows_zero(NormalizationMode mode, double first, double third)
    {
        var normalizers = new float[6];
        Array.Fill(normalizers, float.NaN);
        LossNormalization.Fill(normalizers, Mask, Offsets, mode, LossTotals.Of(Mask, Offsets));
        Assert.Equal<double>((double[])[0, first, first, 0, 0, third], Array.ConvertAll(normalizers, value => (double)value), (left, right) => Math.Abs(left - right) < 2e-6);
    }

    [Fact]
    public void Micro_batches_with_the_totals_of_the_step_equal_one_batch()
    {
        foreach (var mode in Enum.GetValues<NormalizationMode>())
        {
            var (whole, first, second) = (new float[6], new float[3], new float[3]);
            var totals = LossTotals.Of(Mask, Offsets);
            Assert.Equal(totals, LossTotals.Of(Mask.AsSpan(0, 3), [0, 3]) + LossTotals.Of(Mask.AsSpan(3), [0, 2, 3]));
            LossNormalization.Fill(whole, Mask, Offsets, mode, totals);
            LossNormalization.Fill(first, Mask.AsSpan(0, 3), [0, 3], mode, totals);
            LossNormalization.Fill(second, Mask.AsSpan(3), [0, 2, 3], mode, totals);
            Assert.True(whole.AsSpan().SequenceEqual([.. first, .. second]), $"{mode}");
        }
    }

    [Fact]
    public void Offsets_that_do_not_cover_the_rows_and_totals_that_miss_the_batch_are_refused()
    {
        Assert.Throws<ArgumentException>(() => LossTotals.Of(Mask, [0, 3, 5]));
        Assert.Throws<ArgumentException>(() => LossTotals.Of(Mask, [0, 4, 3, 6]));
        Assert.Throws<ArgumentException>(() => LossNormalization.Fill(new float[5], Mask, Offsets, NormalizationMode.TokenMean, LossTotals.Of(Mask, Offsets)));
        Assert.Throws<ArgumentException>(() => LossNormalization.Fill(new float[6], Mask, Offsets, NormalizationMode.TokenMean, default));
        Assert.Throws<ArgumentOutOfRangeException>(() => LossNormalization.Fill(new float[6], Mask, Offsets, (NormalizationMode)9, LossTotals.Of(Mask, Offsets)));
    }
}
