namespace Sophia.Native.Data.Images.Jpeg;

/// <summary>Decodes the coefficients of a block: all at once (T.81, F.2.2), or in the four kinds of steps of a progressive JPEG (T.81, G.1.2 and G.2).</summary>
internal static class JpegBlockDecoder
{
    /// <summary>The place in natural order of each coefficient in zigzag order.</summary>
    public static ReadOnlySpan<byte> NaturalOrder =>
    [
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
        12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
        35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
        58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    ];

    /// <summary>All coefficients of a block of zeros.</summary>
    public static void DecodeSequential(ref JpegBitReader bits, JpegComponent component, scoped Span<short> block)
    {
        block[0] = (short)ReadDc(ref bits, component);
        for (int k = 1; k < JpegComponent.BlockSize; k++)
        {
            int symbol = component.AcTable!.Decode(ref bits), size = symbol & 15, zeros = symbol >> 4;
            if (size == 0)
            {
                if (zeros != 15) break;
                k += 15;
                continue;
            }

            k += zeros;
            block[Place(k, 63)] = (short)bits.ReadSigned(size);
        }
    }

    /// <summary>The first step of the DC coefficient: all but its lowest bits.</summary>
    public static void DecodeDc(ref JpegBitReader bits, JpegComponent component, scoped Span<short> block, int low) =>
        block[0] = (short)(ReadDc(ref bits, component) << low);

    /// <summary>A further bit of the DC coefficient.</summary>
    public static void RefineDc(ref JpegBitReader bits, scoped Span<short> block, int low) => block[0] |= (short)(bits.Read(1) << low);

    /// <summary>The first step of a band of AC coefficients: all but their lowest bits.</summary>
    public static void DecodeAc(ref JpegBitReader bits, JpegHuffmanTable table, scoped Span<short> block, int start, int end, int low, ref int endOfBandRun)
    {
        if (endOfBandRun > 0)
        {
            endOfBandRun--;
            return;
        }

        for (int k = start; k <= end; k++)
        {
            int symbol = table.Decode(ref bits), size = symbol & 15, zeros = symbol >> 4;
            if (size == 0)
            {
                if (zeros != 15)
                {
                    endOfBandRun = (1 << zeros) + bits.Read(zeros) - 1;
                    break;
                }

                k += 15;
                continue;
            }

            k += zeros;
            block[Place(k, end)] = (short)(bits.ReadSigned(size) << low);
        }
    }

    /// <summary>A further bit of a band of AC coefficients: those that are not zero get theirs, and some zeros become one or minus one.</summary>
    public static void RefineAc(ref JpegBitReader bits, JpegHuffmanTable table, scoped Span<short> block, int start, int end, int low, ref int endOfBandRun)
    {
        int k = start;
        if (endOfBandRun == 0)
        {
            for (; k <= end; k++)
            {
                int symbol = table.Decode(ref bits), size = symbol & 15, zeros = symbol >> 4;
                int fresh = 0;
                if (size == 1)
                {
                    fresh = bits.Read(1) != 0 ? 1 << low : -1 << low;
                }
                else if (size != 0)
                {
                    throw new InvalidDataException($"expected new coefficients of size 1 in a JPEG refinement, found {size}: the file is broken.");
                }
                else if (zeros != 15)
                {
                    endOfBandRun = (1 << zeros) + bits.Read(zeros);
                    break;
                }

                k = RefineUntilZero(ref bits, block, k, end, low, zeros);
                if (fresh != 0) block[Place(k, end)] = (short)fresh;
            }
        }

        if (endOfBandRun == 0) return;
        RefineUntilZero(ref bits, block, k, end, low, int.MaxValue);
        endOfBandRun--;
    }

    /// <summary>Refines the coefficients that are not zero up to the zero after as many zeros as given; returns its place in zigzag order, or one beyond the end.</summary>
    private static int RefineUntilZero(ref JpegBitReader bits, scoped Span<short> block, int k, int end, int low, int zeros)
    {
        for (; k <= end; k++)
        {
            ref short coefficient = ref block[NaturalOrder[k]];
            if (coefficient == 0)
            {
                if (zeros-- == 0) break;
            }
            else if (bits.Read(1) != 0 && (coefficient & (1 << low)) == 0)
            {
                coefficient += (short)(coefficient > 0 ? 1 << low : -1 << low);
            }
        }

        return k;
    }

    private static int ReadDc(ref JpegBitReader bits, JpegComponent component)
    {
        int size = component.DcTable!.Decode(ref bits);
        if (size > 15) throw new InvalidDataException($"expected a JPEG DC difference of at most 15 bits, found {size}: the file is broken.");
        component.DcPrediction += bits.ReadSigned(size);
        return component.DcPrediction;
    }

    private static int Place(int k, int end) =>
        k <= end ? NaturalOrder[k] : throw new InvalidDataException("expected 64 coefficients in a JPEG block, found more: the file is broken.");
}
