namespace Sophia.Native.Data.Images.Jpeg;

/// <summary>
/// The inverse discrete cosine transform of the Independent JPEG Group's accurate integer method ("islow": Loeffler, Ligtenberg and Moschytz, ICASSP 1989, with 13 fractional bits,
/// 2 more between the passes). Decoders that shall agree in every sample must use this very arithmetic.
/// </summary>
internal static class JpegInverseTransform
{
    private const int ConstantBits = 13;
    private const int FirstPassBits = 2;
    private const int FirstPassShift = ConstantBits - FirstPassBits;
    private const int SecondPassShift = ConstantBits + FirstPassBits + 3;

    // The constants of the method times 2^13, rounded.
    private const int C0298631336 = 2446;
    private const int C0390180644 = 3196;
    private const int C0541196100 = 4433;
    private const int C0765366865 = 6270;
    private const int C0899976223 = 7373;
    private const int C1175875602 = 9633;
    private const int C1501321110 = 12299;
    private const int C1847759065 = 15137;
    private const int C1961570560 = 16069;
    private const int C2053119869 = 16819;
    private const int C2562915447 = 20995;
    private const int C3072711026 = 25172;

    /// <summary>Turns a block of coefficients into 8 x 8 samples.</summary>
    /// <param name="coefficients">64 coefficients in natural order.</param>
    /// <param name="quantization">64 factors in natural order.</param>
    /// <param name="samples">Receives the samples from its first element on.</param>
    /// <param name="stride">From a row of samples to the next.</param>
    public static void Transform(ReadOnlySpan<short> coefficients, ReadOnlySpan<ushort> quantization, Span<byte> samples, int stride)
    {
        if (!coefficients[1..64].ContainsAnyExcept((short)0))
        {
            byte value = ToSample((coefficients[0] * quantization[0] * (1 << FirstPassBits) + (1 << (FirstPassBits + 2))) >> (FirstPassBits + 3));
            for (int row = 0; row < 8; row++) samples.Slice(row * stride, 8).Fill(value);
            return;
        }

        Span<int> between = stackalloc int[64];
        Span<int> values = stackalloc int[8];
        for (int column = 0; column < 8; column++)
        {
            for (int row = 0; row < 8; row++) values[row] = coefficients[row * 8 + column] * quantization[row * 8 + column];
            TransformLine(values, FirstPassShift);
            for (int row = 0; row < 8; row++) between[row * 8 + column] = values[row];
        }

        for (int row = 0; row < 8; row++)
        {
            Span<int> line = between.Slice(row * 8, 8);
            TransformLine(line, SecondPassShift);
            Span<byte> target = samples.Slice(row * stride, 8);
            for (int column = 0; column < 8; column++) target[column] = ToSample(line[column]);
        }
    }

    /// <summary>The transform of one line, in place, with its results shifted right and rounded.</summary>
    private static void TransformLine(Span<int> line, int shift)
    {
        int even = (line[2] + line[6]) * C0541196100;
        int even2 = even - line[6] * C1847759065, even3 = even + line[2] * C0765366865;
        int sum = (line[0] + line[4]) << ConstantBits, difference = (line[0] - line[4]) << ConstantBits;
        int e0 = sum + even3, e3 = sum - even3, e1 = difference + even2, e2 = difference - even2;

        int o0 = line[7], o1 = line[5], o2 = line[3], o3 = line[1];
        int z1 = (o0 + o3) * -C0899976223, z2 = (o1 + o2) * -C2562915447;
        int z3 = o0 + o2, z4 = o1 + o3, z5 = (z3 + z4) * C1175875602;
        z3 = z3 * -C1961570560 + z5;
        z4 = z4 * -C0390180644 + z5;
        o0 = o0 * C0298631336 + z1 + z3;
        o1 = o1 * C2053119869 + z2 + z4;
        o2 = o2 * C3072711026 + z2 + z3;
        o3 = o3 * C1501321110 + z1 + z4;

        int half = 1 << (shift - 1);
        line[0] = (e0 + o3 + half) >> shift;
        line[7] = (e0 - o3 + half) >> shift;
        line[1] = (e1 + o2 + half) >> shift;
        line[6] = (e1 - o2 + half) >> shift;
        line[2] = (e2 + o1 + half) >> shift;
        line[5] = (e2 - o1 + half) >> shift;
        line[3] = (e3 + o0 + half) >> shift;
        line[4] = (e3 - o0 + half) >> shift;
    }

    private static byte ToSample(int value) => (byte)Math.Clamp(value + 128, 0, 255);
}
