using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>
/// Few rows of A against a B whose columns are contiguous (Y = X * W^T while decoding): B is transposed in registers,
/// four steps of k at a time, and never packed. Each lane is one column's chain over all of k, so the bits are those of
/// the blocked product. Bound by the bytes of B from main memory, by shuffles from the second-level cache.
/// </summary>
internal static unsafe class MatrixColumnKernels<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    /// <summary>Above so many rows packing B costs less than transposing it again for every four of them.</summary>
    public const int MaximumRows = 4;

    /// <summary>Whether <see cref="Multiply"/> takes the product.</summary>
    public static bool Takes(in MatrixProduct product) =>
        product.RowStrideB == 1 && product.ColumnStrideB != 1 && product.M <= MaximumRows && product.N >= TSimd.Width;

    /// <summary>
    /// Columns [begin, end) of the product. Begin is a multiple of the vector width, and so is end unless it is N.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Multiply(in MatrixProduct product, int begin, int end)
    {
        int column = begin;
        if (product.M == 1)
        {
            nint k = product.K / 4 * 4;
            for (; column + 2 * TSimd.Width <= end; column += 2 * TSimd.Width)
            {
                float* b = product.B + column * product.ColumnStrideB;
                float* c = product.C + column;
                float* bias = product.Bias == null ? null : product.Bias + column;
                Rows1Twice(c, product.A, product.ColumnStrideA, b, product.ColumnStrideB, k, product.Accumulate, k == product.K ? bias : null);
                if (k < product.K)
                {
                    FinishRows(product, b, c, 0, bias);
                    FinishRows(product, b + TSimd.Width * product.ColumnStrideB, c + TSimd.Width, 0, bias == null ? null : bias + TSimd.Width);
                }
            }
        }
        for (; column + TSimd.Width <= end; column += TSimd.Width)
        {
            float* bias = product.Bias == null ? null : product.Bias + column;
            Group(product, product.B + column * product.ColumnStrideB, product.C + column, product.RowStrideC, bias);
        }
        if (column == end)
            return;

        // The last columns: a whole vector that ends at N and begins inside the group before it. Only its new lanes are kept.
        int first = end - TSimd.Width;
        int known = column - first;
        float* last = stackalloc float[(MaximumRows + 1) * TSimd.Width];
        float* lastBias = product.Bias == null ? null : last + MaximumRows * TSimd.Width;
        for (int i = 0; i < TSimd.Width; i++)
        {
            for (int row = 0; row < product.M; row++)
                last[row * TSimd.Width + i] = i >= known && product.Accumulate ? product.C[row * product.RowStrideC + first + i] : 0;
            if (lastBias != null)
                lastBias[i] = product.Bias[first + i];
        }
        Group(product, product.B + first * product.ColumnStrideB, last, TSimd.Width, lastBias);
        for (int row = 0; row < product.M; row++)
        {
            for (int i = known; i < TSimd.Width; i++)
                product.C[row * product.RowStrideC + first + i] = last[row * TSimd.Width + i];
        }
    }

    private static void Group(in MatrixProduct product, float* b, float* c, nint rowStrideC, float* bias)
    {
        float* a = product.A;
        int rows = product.M;
        nint k = product.K / 4 * 4;
        float* biasNow = k == product.K ? bias : null;
        // Three rows are done as four, the fourth being the third once more.
        if (rows >= 3)
            Rows4(c, rowStrideC, rows - 1, a, product.RowStrideA, product.ColumnStrideA, b, product.ColumnStrideB, k, product.Accumulate, biasNow);
        else if (rows == 2)
            Rows2(c, rowStrideC, a, product.RowStrideA, product.ColumnStrideA, b, product.ColumnStrideB, k, product.Accumulate, biasNow);
        else
            Rows1(c, a, product.ColumnStrideA, b, product.ColumnStrideB, k, product.Accumulate, biasNow);
        if (k < product.K)
            FinishRows(product, b, c, rowStrideC, bias);
    }

    /// <summary>
    /// The last one to three steps of k, going on from C. They are apart from the kernels because they call: a call in the
    /// same method would make the compiler keep the sums of the loops in memory.
    /// </summary>
    private static void FinishRows(in MatrixProduct product, float* b, float* c, nint rowStrideC, float* bias)
    {
        for (int row = 0; row < product.M; row++)
        {
            TVector sum = TSimd.Load(c);
            for (nint k = product.K / 4 * 4; k < product.K; k++)
                sum = TSimd.FusedMultiplyAdd(TSimd.Broadcast(product.A + row * product.RowStrideA + k * product.ColumnStrideA), LoadColumn(b + k, product.ColumnStrideB), sum);
            if (bias != null)
                sum = TSimd.Add(sum, TSimd.Load(bias));
            TSimd.Store(c, sum);
            c += rowStrideC;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1(float* c, float* a, nint columnStrideA, float* b, nint columnStrideB, nint k, bool fromC, float* bias)
    {
        TVector r0 = fromC ? TSimd.Load(c) : TSimd.Zero;
        for (; k >= 4; k -= 4)
        {
            TSimd.LoadColumns(b, columnStrideB, out TVector b0, out TVector b1, out TVector b2, out TVector b3);
            r0 = Chain(a, columnStrideA, b0, b1, b2, b3, r0);
            a += 4 * columnStrideA;
            b += 4;
        }
        if (bias != null)
            r0 = TSimd.Add(r0, TSimd.Load(bias));
        TSimd.Store(c, r0);
    }

    /// <summary>One row of A, two vectors of columns: one chain alone would wait for its own multiply-adds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1Twice(float* c, float* a, nint columnStrideA, float* b, nint columnStrideB, nint k, bool fromC, float* bias)
    {
        TVector r0 = fromC ? TSimd.Load(c) : TSimd.Zero;
        TVector r1 = fromC ? TSimd.Load(c + TSimd.Width) : TSimd.Zero;
        float* bSecond = b + TSimd.Width * columnStrideB;
        for (; k >= 4; k -= 4)
        {
            TSimd.LoadColumns(b, columnStrideB, out TVector b0, out TVector b1, out TVector b2, out TVector b3);
            r0 = Chain(a, columnStrideA, b0, b1, b2, b3, r0);
            TSimd.LoadColumns(bSecond, columnStrideB, out b0, out b1, out b2, out b3);
            r1 = Chain(a, columnStrideA, b0, b1, b2, b3, r1);
            a += 4 * columnStrideA;
            b += 4;
            bSecond += 4;
        }
        if (bias != null)
        {
            r0 = TSimd.Add(r0, TSimd.Load(bias));
            r1 = TSimd.Add(r1, TSimd.Load(bias + TSimd.Width));
        }
        TSimd.Store(c, r0);
        TSimd.Store(c + TSimd.Width, r1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2(float* c, nint rowStrideC, float* a, nint rowStrideA, nint columnStrideA, float* b, nint columnStrideB, nint k, bool fromC, float* bias)
    {
        TVector r0 = fromC ? TSimd.Load(c) : TSimd.Zero;
        TVector r1 = fromC ? TSimd.Load(c + rowStrideC) : TSimd.Zero;
        for (; k >= 4; k -= 4)
        {
            TSimd.LoadColumns(b, columnStrideB, out TVector b0, out TVector b1, out TVector b2, out TVector b3);
            r0 = Chain(a, columnStrideA, b0, b1, b2, b3, r0);
            r1 = Chain(a + rowStrideA, columnStrideA, b0, b1, b2, b3, r1);
            a += 4 * columnStrideA;
            b += 4;
        }
        if (bias != null)
        {
            TVector offset = TSimd.Load(bias);
            r0 = TSimd.Add(r0, offset);
            r1 = TSimd.Add(r1, offset);
        }
        TSimd.Store(c, r0);
        TSimd.Store(c + rowStrideC, r1);
    }

    /// <summary>Rows 0, 1, 2 and <paramref name="lastRow"/>, which is 3, or 2 once more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4(float* c, nint rowStrideC, nint lastRow, float* a, nint rowStrideA, nint columnStrideA, float* b, nint columnStrideB, nint k, bool fromC, float* bias)
    {
        float* cLast = c + lastRow * rowStrideC;
        float* aLast = a + lastRow * rowStrideA;
        TVector r0 = fromC ? TSimd.Load(c) : TSimd.Zero;
        TVector r1 = fromC ? TSimd.Load(c + rowStrideC) : TSimd.Zero;
        TVector r2 = fromC ? TSimd.Load(c + 2 * rowStrideC) : TSimd.Zero;
        TVector r3 = fromC ? TSimd.Load(cLast) : TSimd.Zero;
        for (; k >= 4; k -= 4)
        {
            TSimd.LoadColumns(b, columnStrideB, out TVector b0, out TVector b1, out TVector b2, out TVector b3);
            r0 = Chain(a, columnStrideA, b0, b1, b2, b3, r0);
            r1 = Chain(a + rowStrideA, columnStrideA, b0, b1, b2, b3, r1);
            r2 = Chain(a + 2 * rowStrideA, columnStrideA, b0, b1, b2, b3, r2);
            r3 = Chain(aLast, columnStrideA, b0, b1, b2, b3, r3);
            a += 4 * columnStrideA;
            aLast += 4 * columnStrideA;
            b += 4;
        }
        if (bias != null)
        {
            TVector offset = TSimd.Load(bias);
            r0 = TSimd.Add(r0, offset);
            r1 = TSimd.Add(r1, offset);
            r2 = TSimd.Add(r2, offset);
            r3 = TSimd.Add(r3, offset);
        }
        TSimd.Store(c, r0);
        TSimd.Store(c + rowStrideC, r1);
        TSimd.Store(c + 2 * rowStrideC, r2);
        TSimd.Store(cLast, r3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Chain(float* a, nint columnStrideA, TVector b0, TVector b1, TVector b2, TVector b3, TVector sum)
    {
        sum = TSimd.FusedMultiplyAdd(TSimd.Broadcast(a), b0, sum);
        sum = TSimd.FusedMultiplyAdd(TSimd.Broadcast(a + columnStrideA), b1, sum);
        sum = TSimd.FusedMultiplyAdd(TSimd.Broadcast(a + 2 * columnStrideA), b2, sum);
        return TSimd.FusedMultiplyAdd(TSimd.Broadcast(a + 3 * columnStrideA), b3, sum);
    }

    /// <summary>One element of each column.</summary>
    private static TVector LoadColumn(float* b, nint columnStrideB)
    {
        float* lanes = stackalloc float[TSimd.Width];
        for (int lane = 0; lane < TSimd.Width; lane++)
            lanes[lane] = b[lane * columnStrideB];
        return TSimd.Load(lanes);
    }
}
