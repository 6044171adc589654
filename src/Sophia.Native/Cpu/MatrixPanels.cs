using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

    /// <summary>The same from a B that is stored as BFloat16; its rows or its columns are contiguous.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Pack(BFloat16* b, nint rowStrideB, nint columnStrideB, int k, int valid, int width, float* packed)
    {
        if (columnStrideB == 1)
        {
            for (int p = 0; p < k; p++)
            {
                WidenRow(b + p * rowStrideB, valid, packed + (nint)p * width);
                Clear(packed + (nint)p * width + valid, width - valid);
            }
            return;
        }
        int steps = 2 * TSimd.Width;
        int wholeColumns = valid / TSimd.Width * TSimd.Width;
        int wholeK = k / steps * steps;
        for (int column = 0; column < wholeColumns; column += TSimd.Width)
        {
            for (int p = 0; p < wholeK; p += steps)
                TSimd.TransposeRounded((byte*)(b + column * columnStrideB + p), columnStrideB * sizeof(BFloat16), packed + (nint)p * width + column, width);
        }
        for (int p = 0; p < k; p++)
        {
            for (int column = p < wholeK ? wholeColumns : 0; column < valid; column++)
                packed[(nint)p * width + column] = b[p + column * columnStrideB];
            Clear(packed + (nint)p * width + valid, width - valid);
        }
    }

    /// <summary>
    /// Packs rows [k0, k1) of several panels of a row-major B, row by row. The panels lie one after the other, each whole in
    /// k (<paramref name="totalK"/> rows), the first of them at <paramref name="packed"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackRows(float* b, nint rowStrideB, int k0, int k1, int totalK, int n, int firstPanel, int endPanel, float* packed)
    {
        int firstColumn = Start(n, firstPanel);
        for (int p = k0; p < k1; p++)
        {
            float* source = b + p * rowStrideB;
            int start = firstColumn;
            for (int panel = firstPanel; panel < endPanel; panel++)
            {
                int next = Start(n, panel + 1);
                int width = next - start;
                float* destination = packed + (nint)(start - firstColumn) * totalK + (nint)p * width;
                int end = Math.Min(next, n);
                for (; start + TSimd.Width <= end; start += TSimd.Width)
                {
                    TSimd.Store(destination, TSimd.Load(source + start));
                    destination += TSimd.Width;
                }
                if (start < end)
                    TSimd.Store(destination, TSimd.LoadPartial(source + start, end - start));
                start = next;
            }
        }
    }

    /// <summary>
    /// Floats from one packed group of A to the next: one cache line more than its content, since strides of a power of two
    /// would put the groups, which are written side by side, into the same few lines of the first-level cache.
    /// </summary>
    public static nint PackedGroupStride(int k) => (nint)MatrixTile<TSimd, TVector>.GroupRows * k + 16;

    /// <summary>
    /// Packs rows of an A whose columns are contiguous into groups of eight: [group, k, 8]. The last group's missing rows
    /// stay undefined, since the kernels read only rows that exist.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackRowGroups(float* a, nint columnStrideA, int rows, int k, float* packed)
    {
        const int Group = MatrixTile<TSimd, TVector>.GroupRows;
        int whole = rows / Group * Group;
        nint groupStride = PackedGroupStride(k);
        for (int p = 0; p < k; p++)
        {
            float* source = a + p * columnStrideA;
            float* destination = packed + (nint)p * Group;
            int row = 0;
            for (; row < whole; row += Group)
            {
                Vector256.Load(source + row).Store(destination);
                destination += groupStride;
            }
            for (; row < rows; row++)
                destination[row - whole] = source[row];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenRow(BFloat16* source, int count, float* destination)
    {
        int i = 0;
        for (; i + TSimd.Width <= count; i += TSimd.Width)
            TSimd.Store(destination + i, TSimd.Load(source + i));
        for (; i < count; i++)
            destination[i] = source[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Clear(float* destination, int count)
    {
        for (int i = 0; i < count; i++)
            destination[i] = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Vectors(int n) => (n + TSimd.Width - 1) / TSimd.Width;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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

    /// <summary>
    /// Square blocks are transposed in registers. What is left over at the right and at the bottom is covered by blocks
    /// that end at the edge and overlap their neighbors, writing the same values twice.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackColumns(float* b, nint columnStrideB, int k, int valid, int width, float* packed)
    {
        int lanes = TSimd.Width;
        if (valid < lanes || k < lanes)
        {
            PackStrided(b, 1, columnStrideB, k, valid, width, packed);
            return;
        }
        if (valid < width)
        {
            for (int p = 0; p < k; p++)
                TSimd.Store(packed + (nint)p * width + width - lanes, TSimd.Zero);
        }
        for (int column = 0; column < valid; column += lanes)
        {
            int left = Math.Min(column, valid - lanes);
            float* source = b + left * columnStrideB;
            float* destination = packed + left;
            int p = 0;
            for (; p + lanes <= k; p += lanes)
                TSimd.Transpose(source + p, columnStrideB, destination + (nint)p * width, width);
            if (p < k)
                TSimd.Transpose(source + k - lanes, columnStrideB, destination + (nint)(k - lanes) * width, width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackStrided(float* b, nint rowStrideB, nint columnStrideB, int k, int valid, int width, float* packed)
    {
        for (int p = 0; p < k; p++)
        {
            float* source = b + p * rowStrideB;
            for (int column = 0; column < valid; column++)
                packed[column] = source[column * columnStrideB];
            for (int column = valid; column < width; column++)
                packed[column] = 0;
            packed += width;
        }
    }
}
