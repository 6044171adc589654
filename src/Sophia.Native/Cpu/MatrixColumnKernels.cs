using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Sophia.Native.Cpu;

/// <summary>
/// Few rows of A against a B whose columns are contiguous (Y = X * W^T while decoding): a block of B, as many columns as a
/// vector has lanes and of each one cache line (half of one on the narrow path), is transposed, in registers for one row of A
/// and into a buffer in the first-level cache for more; B is never packed. Each lane is one column's chain over all of k, so
/// the bits are those of the blocked product. Bound by the bytes of B from main memory.
/// </summary>
/// <remarks>
/// A cache line is read once and whole: the columns of a weight often lie a power of two apart, where the sixteen lines of a
/// block share one set of a cache that keeps twelve. And sixteen streams are more than the processor's prefetchers follow, so
/// each block asks for the lines <see cref="PrefetchBytes"/> further on.
/// </remarks>
internal static unsafe class MatrixColumnKernels<TSimd, TVector, TElement>
    where TSimd : ISimd<TVector>
    where TVector : struct
    where TElement : struct, IMatrixElement
{
    private const int PrefetchBytes = 512;

    /// <summary>Steps of k of one block: a vector's bytes of every column.</summary>
    private static int Steps
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TSimd.Width * sizeof(float) / TElement.Size;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsInRegisters(in MatrixProduct product) => product.M == 1 && product.ColumnStrideA == 1;

    /// <summary>
    /// Columns [begin, end) of the product. Begin is a multiple of the vector width, and so is end unless it is N.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Multiply(in MatrixProduct product, int begin, int end)
    {
        int blockFloats = Steps * TSimd.Width;
        float* memory = stackalloc float[blockFloats + TSimd.Width];
        // Whole cache lines.
        float* block = (float*)(((nint)memory + TSimd.Width * sizeof(float) - 1) & -(TSimd.Width * sizeof(float)));
        int column = begin;
        if (IsInRegisters(product))
        {
            for (; column + 2 * TSimd.Width <= end; column += 2 * TSimd.Width)
                Group(product, column, product.C + column, 0, product.Bias == null ? null : product.Bias + column, 2, block);
        }
        for (; column + TSimd.Width <= end; column += TSimd.Width)
            Group(product, column, product.C + column, product.RowStrideC, product.Bias == null ? null : product.Bias + column, 1, block);
        if (column == end)
            return;

        // The last columns: a whole vector that ends at N and begins inside the group before it. Only its new lanes are kept.
        int first = end - TSimd.Width;
        int known = column - first;
        float* last = stackalloc float[(MatrixColumns.MaximumRows + 1) * TSimd.Width];
        float* lastBias = product.Bias == null ? null : last + MatrixColumns.MaximumRows * TSimd.Width;
        for (int i = 0; i < TSimd.Width; i++)
        {
            for (int row = 0; row < product.M; row++)
                last[row * TSimd.Width + i] = i >= known && product.Accumulate ? product.C[row * product.RowStrideC + first + i] : 0;
            if (lastBias != null)
                lastBias[i] = product.Bias[first + i];
        }
        Group(product, first, last, TSimd.Width, lastBias, 1, block);
        for (int row = 0; row < product.M; row++)
        {
            for (int i = known; i < TSimd.Width; i++)
                product.C[row * product.RowStrideC + first + i] = last[row * TSimd.Width + i];
        }
    }

    /// <summary>
    /// One or, in registers, two vectors of columns from <paramref name="column"/> on: one chain alone would wait for its own multiply-adds, and more than two ask for more lines a set of the cache keeps.
    /// The sums lie in C between blocks: a call in the loop over the steps would make the compiler keep them in memory at every step.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Group(in MatrixProduct product, int column, float* c, nint rowStrideC, float* bias, int vectors, float* block)
    {
        float* a = product.A;
        nint strideB = product.ColumnStrideB * TElement.Size;
        nint vectorB = TSimd.Width * strideB;
        byte* b = TElement.Address(product) + column * strideB;
        for (int row = 0; row < product.M && !product.Accumulate; row++)
        {
            for (int vector = 0; vector < vectors; vector++)
                TSimd.Store(c + row * rowStrideC + vector * TSimd.Width, TSimd.Zero);
        }
        nint k = product.K;
        // What is asked for lies so many bytes further on in the order of reading: behind the last block come the first ones of the next columns.
        nint rowBytes = product.K * TElement.Size;
        nint toNextColumns = vectors * vectorB - rowBytes;
        bool inRegisters = IsInRegisters(product);
        for (; k >= Steps; k -= Steps)
        {
            byte* ahead = b + PrefetchBytes + (k * TElement.Size > PrefetchBytes ? 0 : toNextColumns);
            Prefetch(ahead, strideB);
            if (inRegisters)
            {
                TElement.AddBlock<TSimd, TVector>(c, a, b, strideB);
                if (vectors == 2)
                {
                    Prefetch(ahead + vectorB, strideB);
                    TElement.AddBlock<TSimd, TVector>(c + TSimd.Width, a, b + vectorB, strideB);
                }
            }
            else
            {
                TElement.LoadBlock<TSimd, TVector>(b, strideB, block);
                // A row with gaps is done as two, the second being the first once more; three rows as four, the fourth being the third once more.
                nint last = product.M - 1;
                if (last <= 1)
                    Sum2(c, last * rowStrideC, a, last * product.RowStrideA, product.ColumnStrideA, block);
                else
                    Sum4(c, rowStrideC, last, a, product.RowStrideA, product.ColumnStrideA, block);
            }
            a += Steps * product.ColumnStrideA;
            b += Steps * TElement.Size;
        }
        for (int vector = 0; vector < vectors; vector++)
        {
            if (k > 0)
                Finish(product, a, b + vector * vectorB, k, c, rowStrideC);
            for (int row = 0; row < product.M && bias != null; row++)
                TSimd.Store(c + row * rowStrideC, TSimd.Add(TSimd.Load(c + row * rowStrideC), TSimd.Load(bias)));
            c += TSimd.Width;
            bias = bias == null ? null : bias + TSimd.Width;
        }
    }

    /// <summary>The last k steps, fewer than a block's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Finish(in MatrixProduct product, float* a, byte* b, nint k, float* c, nint rowStrideC)
    {
        nint strideB = product.ColumnStrideB * TElement.Size;
        float* lanes = stackalloc float[TSimd.Width];
        for (nint step = 0; step < k; step++)
        {
            for (int lane = 0; lane < TSimd.Width; lane++)
                lanes[lane] = TElement.Load(b + lane * strideB + step * TElement.Size);
            for (int row = 0; row < product.M; row++)
            {
                float* sum = c + row * rowStrideC;
                TSimd.Store(sum, TSimd.FusedMultiplyAdd(TSimd.Broadcast(a + row * product.RowStrideA + step * product.ColumnStrideA), TSimd.Load(lanes), TSimd.Load(sum)));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum2(float* c, nint rowStrideC, float* a, nint rowStrideA, nint columnStrideA, float* block)
    {
        TVector r0 = TSimd.Load(c);
        TVector r1 = TSimd.Load(c + rowStrideC);
        for (int step = 0; step < Steps; step++)
        {
            TVector values = TSimd.Load(block);
            r0 = TSimd.FusedMultiplyAdd(TSimd.Broadcast(a), values, r0);
            r1 = TSimd.FusedMultiplyAdd(TSimd.Broadcast(a + rowStrideA), values, r1);
            a += columnStrideA;
            block += TSimd.Width;
        }
        TSimd.Store(c, r0);
        TSimd.Store(c + rowStrideC, r1);
    }

    /// <summary>Rows 0, 1, 2 and <paramref name="lastRow"/>, which is 3, or 2 once more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum4(float* c, nint rowStrideC, nint lastRow, float* a, nint rowStrideA, nint columnStrideA, float* block)
    {
        nint last = lastRow * rowStrideA;
        TVector r0 = TSimd.Load(c);
        TVector r1 = TSimd.Load(c + rowStrideC);
        TVector r2 = TSimd.Load(c + 2 * rowStrideC);
        TVector r3 = TSimd.Load(c + lastRow * rowStrideC);
        for (int step = 0; step < Steps; step++)
        {
            TVector values = TSimd.Load(block);
            r0 = TSimd.FusedMultiplyAdd(TSimd.Broadcast(a), values, r0);
            r1 = TSimd.FusedMultiplyAdd(TSimd.Broadcast(a + rowStrideA), values, r1);
            r2 = TSimd.FusedMultiplyAdd(TSimd.Broadcast(a + 2 * rowStrideA), values, r2);
            r3 = TSimd.FusedMultiplyAdd(TSimd.Broadcast(a + last), values, r3);
            a += columnStrideA;
            block += TSimd.Width;
        }
        TSimd.Store(c, r0);
        TSimd.Store(c + rowStrideC, r1);
        TSimd.Store(c + 2 * rowStrideC, r2);
        TSimd.Store(c + lastRow * rowStrideC, r3);
    }

    /// <summary>Asks for a line of every column of a vector; an address beyond B is harmless.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* source, nint strideB)
    {
        if (!Sse.IsSupported)
            return;
        for (int column = 0; column < TSimd.Width; column++)
        {
            Sse.Prefetch0(source);
            source += strideB;
        }
    }
}
