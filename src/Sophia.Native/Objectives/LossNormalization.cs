namespace Sophia.Native.Objectives;

/// <summary>
/// The normalizers that objectives read (<see cref="ObjectiveInputs.Normalizers"/>). Every token with a loss mask counts whatever its weight, a sequence counts if it has one;
/// the totals are those of the whole step, so that gradient accumulation over micro-batches equals one large batch.
/// </summary>
public static class LossNormalization
{
    /// <summary>Writes the factor of every row's loss; 0 for rows that are not trained.</summary>
    /// <param name="normalizers">[N], overwritten.</param>
    /// <param name="lossMask">[N]: not 0 where row n predicts a trained token.</param>
    /// <param name="offsets">[B + 1]: sequence b is the rows [offsets[b], offsets[b + 1]).</param>
    /// <param name="mode">The average.</param>
    /// <param name="totals">The sum of <see cref="LossTotals.Of"/> over the micro-batches of the step, this one among them.</param>
    /// <exception cref="ArgumentException">Lengths or offsets do not fit each other, or the totals are smaller than this batch alone.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The mode is unknown.</exception>
    public static void Fill(Span<float> normalizers, ReadOnlySpan<byte> lossMask, ReadOnlySpan<int> offsets, NormalizationMode mode, LossTotals totals)
    {
        if (normalizers.Length != lossMask.Length)
            throw new ArgumentException($"normalizers must hold as many elements as lossMask, {lossMask.Length}, found {normalizers.Length}.", nameof(normalizers));
        var own = LossTotals.Of(lossMask, offsets);
        if (totals.Tokens < own.Tokens || totals.Sequences < own.Sequences)
            throw new ArgumentException($"totals must include this batch of {own.Tokens} trained tokens in {own.Sequences} sequences, found {totals.Tokens} in {totals.Sequences}.", nameof(totals));
        for (var sequence = 0; sequence + 1 < offsets.Length; sequence++)
        {
            var rows = offsets[sequence]..offsets[sequence + 1];
            var mask = lossMask[rows];
            var factor = Factor(mode, CountTrained(mask), totals);
            var target = normalizers[rows];
            for (var row = 0; row < mask.Length; row++)
                target[row] = mask[row] != 0 ? factor : 0f;
        }
    }

    internal static long CountTrained(ReadOnlySpan<byte> lossMask)
    {
        var trained = 0L;
        foreach (var mark in lossMask)
            trained += mark != 0 ? 1 : 0;
        return trained;
    }

    internal static void CheckOffsets(int rows, ReadOnlySpan<int> offsets)
    {
        var fits = offsets.Length > 0 && offsets[0] == 0 && offsets[^1] == rows;
        for (var sequence = 0; fits && sequence + 1 < offsets.Length; sequence++)
            fits = offsets[sequence] <= offsets[sequence + 1];
        if (!fits)
            throw new ArgumentException($"offsets must run from 0 to the number of rows, {rows}, without falling.", nameof(offsets));
    }

    private static float Factor(NormalizationMode mode, long trained, LossTotals totals)
    {
        if (trained == 0)
            return 0f;
        return (float)(mode switch
        {
            NormalizationMode.TokenMean => 1.0 / totals.Tokens,
            NormalizationMode.TokenSum => 1.0,
            NormalizationMode.SequenceMeanTokenSum => 1.0 / totals.Sequences,
            NormalizationMode.SequenceMeanTokenMean => 1.0 / ((double)trained * totals.Sequences),
            NormalizationMode.Square => 1.0 / (Math.Sqrt(trained) * totals.RootLengths),
            _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "Expected a member of NormalizationMode."),
        });
    }
}
