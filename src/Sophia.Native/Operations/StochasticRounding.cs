namespace Sophia.Native;

/// <summary>
/// How <see cref="Backend.AdamW"/> rounds what it stores as BFloat16: up with the probability of the part that is cut off, so that the mean of many roundings is the value. The random bits are
/// a pure function of element, step and seed: every backend gives the same bits. Calls over different views of one step take different seeds.
/// </summary>
public static class StochasticRounding
{
    /// <summary>Counter word 3 of the Philox blocks of rounding; it keeps them apart from other users of the key.</summary>
    public const uint Purpose = 0x524F_554E;

    /// <summary>
    /// The random bits of an element: elements e and e ^ 1 share the block with counter (low word of e / 2, high word of e / 2, step, <see cref="Purpose"/>); of each of its words
    /// the even element takes the lower 16 bits and the odd one the upper 16.
    /// </summary>
    /// <param name="element">Number of the element in the view of the parameters.</param>
    /// <param name="step">Number of the step, from 1.</param>
    /// <param name="seed">The Philox key.</param>
    /// <returns>16 bits for the parameter (word 0), for the first moment (word 1) and for the second (word 2).</returns>
    public static (uint Parameter, uint FirstMoment, uint SecondMoment) Bits(long element, int step, ulong seed)
    {
        var pair = (ulong)element >> 1;
        var block = Philox.Block((uint)pair, (uint)(pair >> 32), (uint)step, Purpose, seed);
        var shift = (int)(element & 1) * 16;
        return ((block.X0 >> shift) & 0xFFFF, (block.X1 >> shift) & 0xFFFF, (block.X2 >> shift) & 0xFFFF);
    }

    /// <summary>
    /// Adds the random bits to the 32 bits of the value and cuts off the lower 16: of 65536 random values as many round away from zero as the part cut off has. Zero, infinities and what is already
    /// a BFloat16 stay as they are; a NaN becomes the quiet NaN of its sign.
    /// </summary>
    /// <param name="value">Any value.</param>
    /// <param name="random">16 random bits.</param>
    public static BFloat16 Round(float value, uint random)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return new((ushort)((float.IsNaN(value) ? bits | 0x7FC0_0000u : bits + random) >> 16));
    }
}
