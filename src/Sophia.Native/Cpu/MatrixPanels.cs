using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>
/// The columns of a product cut into panels as wide as the micro-kernel, and the packing of B into them.
/// Panels are three vectors wide; at the end of the matrix stand one of two vectors, or two of two rather than a wide
/// one and a narrow one (a tile one vector wide has too few chains to keep the multipliers busy).
/// A packed panel is [k, panel width], its missing columns zero.
/// </summary>
internal static unsafe class MatrixPanels<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    /// <summary>Columns of the widest panel.</summary>
    public static int MaximumWidth
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 3 * TSimd.Width;
    }

    /// <summary>Panels of n columns.</summary>
    public static int Count(int n) => (Vectors(n) + 2) / 3;

    /// <summary>The first column of a panel; for panel = Count(n) the padded number of columns.</summary>
    public static int Start(int n, int panel)
    {
        int vectors = Vectors(n);
        int start = Math.Min(3 * panel, vectors);
        if (vectors % 3 == 1 && vectors > 3 && start == vectors - 1)
            start--;
        return start * TSimd.Width;
    }

    /// <summary>Packs k rows, from <paramref name="b"/> on, of the <paramref name="valid"/> columns of one panel.</summary>
    public static void Pack(float* b, nint rowStrideB, nint columnStrideB, int k, int valid, int width, float* packed)
    {
        if (columnStrideB == 1)
            PackRows(b, rowStrideB, k, valid, width, packed);
        else if (rowStrideB == 1)
            PackColumns(b, columnStrideB, k, valid, width, packed);
        else
            PackStrided(b, rowStrideB, columnStrideB, k, valid, width, packed);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Vectors(int n) => (n + TSimd.Width - 1) / TSimd.Width;

    private static void PackRows(float* b, nint rowStrideB, int k, int valid, int width, float* packed)
    {
        int whole = valid / TSimd.Width * TSimd.Width;
        int rest = valid - whole;
        for (int p = 0; p < k; p++)
        {
            for (int column = 0; column < whole; column += TSimd.Width)
                TSimd.Store(packed + column, TSimd.Load(b + column));
            if (rest > 0)
                TSimd.Store(packed + whole, TSimd.LoadPartial(b + whole, rest));
            b += rowStrideB;
            packed += width;
        }
    }

    private static void PackColumns(float* b, nint columnStrideB, int k, int valid, int width, float* packed)
    {
        int wholeK = k / TSimd.Width * TSimd.Width;
        for (int column = 0; column < valid; column += TSimd.Width)
        {
            float* source = b + column * columnStrideB;
            float* destination = packed + column;
            if (valid - column >= TSimd.Width)
            {
                for (int p = 0; p < wholeK; p += TSimd.Width)
                    TSimd.Transpose(source + p, columnStrideB, destination + (nint)p * width, width);
                PackStrided(source + wholeK, 1, columnStrideB, k - wholeK, TSimd.Width, TSimd.Width, destination + (nint)wholeK * width, width);
            }
            else
            {
                PackStrided(source, 1, columnStrideB, k, valid - column, TSimd.Width, destination, width);
            }
        }
    }

    private static void PackStrided(float* b, nint rowStrideB, nint columnStrideB, int k, int valid, int width, float* packed) =>
        PackStrided(b, rowStrideB, columnStrideB, k, valid, width, packed, width);

    private static void PackStrided(float* b, nint rowStrideB, nint columnStrideB, int k, int valid, int width, float* packed, nint rowStridePacked)
    {
        for (int p = 0; p < k; p++)
        {
            float* source = b + p * rowStrideB;
            for (int column = 0; column < valid; column++)
                packed[column] = source[column * columnStrideB];
            for (int column = valid; column < width; column++)
                packed[column] = 0;
            packed += rowStridePacked;
        }
    }
}
