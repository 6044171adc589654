namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>16 random bits: of word <paramref name="word"/> of the Philox block with counter (low and high word of element / 2, step, "ROUN" in ASCII) the lower half for an even element, else the upper.</summary>
    public static uint RoundingBits(long element, int step, int word, ulong seed)
    {
        Span<uint> block = [(uint)(element / 2), (uint)((element / 2) >> 32), (uint)step, 0x524F554E];
        PhiloxBlock(block, seed);
        return element % 2 == 0 ? block[word] & 0xFFFF : block[word] >> 16;
    }

    /// <summary>
    /// One of the two bfloat16 neighbors of a finite value: the one away from zero when the share of the gap that lies below the value, as a whole number of 65536ths, and the random bits make a whole gap.
    /// A bfloat16 has eight significant bits and the exponents of binary32.
    /// </summary>
    public static double RoundStochastically(double value, uint random)
    {
        if (value == 0.0)
            return value;
        var exponent = Math.Max(Math.ILogB(value), -126);
        var gaps = Math.ScaleB(Math.Abs(value), 7 - exponent);
        var whole = Math.Floor(gaps);
        if (Math.Floor((gaps - whole) * 65536.0) + random >= 65536.0)
            whole += 1.0;
        return Math.CopySign(Math.ScaleB(whole, exponent - 7), value);
    }
}
