namespace Sophia.Native.Objectives;

/// <summary>What the normalizers of a step divide by: totals over all its micro-batches (and ranks), added up before the first of them runs.</summary>
/// <param name="Tokens">Trained tokens.</param>
/// <param name="Sequences">Sequences with at least one trained token.</param>
/// <param name="RootLengths">Sum over sequences of the square root of their number of trained tokens.</param>
public readonly record struct LossTotals(long Tokens, long Sequences, double RootLengths)
{
    /// <summary>The totals of one micro-batch.</summary>
    /// <param name="lossMask">[N]: not 0 where row n predicts a trained token, whatever its weight.</param>
    /// <param name="offsets">[B + 1]: sequence b is the rows [offsets[b], offsets[b + 1]).</param>
    /// <exception cref="ArgumentException">The offsets do not run from 0 to N without falling.</exception>
    public static LossTotals Of(ReadOnlySpan<byte> lossMask, ReadOnlySpan<int> offsets)
    {
        LossNormalization.CheckOffsets(lossMask.Length, offsets);
        var totals = default(LossTotals);
        for (var sequence = 0; sequence + 1 < offsets.Length; sequence++)
        {
            var trained = LossNormalization.CountTrained(lossMask[offsets[sequence]..offsets[sequence + 1]]);
            totals += new LossTotals(trained, trained > 0 ? 1 : 0, Math.Sqrt(trained));
        }
        return totals;
    }

    /// <summary>The totals of two micro-batches together.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static LossTotals operator +(LossTotals left, LossTotals right) =>
        new(left.Tokens + right.Tokens, left.Sequences + right.Sequences, left.RootLengths + right.RootLengths);
}
