using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>
/// The products of attention's small blocks: operands that are already in a cache and whole vectors wide, so that the micro-kernels of
/// <see cref="MatrixMultiply"/> can run on them in place, without panels. The law of bits is theirs: every element is one chain over k in order.
/// </summary>
internal static unsafe class BlockProduct<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    /// <summary>C[rows, vectors * Width] = (fromC ? C : 0) + A[rows, k] * B[k, vectors * Width]; A by strides, B and C with adjacent columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* c, nint rowStrideC, float* a, nint rowStrideA, nint columnStrideA, float* b, nint rowStrideB, int rows, int vectors, int k, bool fromC)
    {
        // Panels of three vectors, at the end two of two rather than a wide and a narrow one.
        while (vectors > 0)
        {
            if (vectors == 3 || vectors > 4)
            {
                Panel<MatrixRow3<TSimd, TVector>>(c, rowStrideC, a, rowStrideA, columnStrideA, b, rowStrideB, rows, k, fromC);
                c += 3 * TSimd.Width;
                b += 3 * TSimd.Width;
                vectors -= 3;
            }
            else if (vectors >= 2)
            {
                Panel<MatrixRow2<TSimd, TVector>>(c, rowStrideC, a, rowStrideA, columnStrideA, b, rowStrideB, rows, k, fromC);
                c += 2 * TSimd.Width;
                b += 2 * TSimd.Width;
                vectors -= 2;
            }
            else
            {
                Panel<MatrixRow1<TSimd, TVector>>(c, rowStrideC, a, rowStrideA, columnStrideA, b, rowStrideB, rows, k, fromC);
                vectors = 0;
            }
        }
    }

    /// <summary>destination[column * destinationStride + row] = source[row * sourceStride + column]; rows up to the next whole vector are filled with zeros.</summary>
    /// <param name="destination">[columns, rows rounded up to whole vectors].</param>
    /// <param name="destinationStride">Floats between two rows of the destination.</param>
    /// <param name="source">[rows, columns]; nothing beyond is read.</param>
    /// <param name="sourceStride">Floats between two rows of the source.</param>
    /// <param name="rows">Any number.</param>
    /// <param name="columns">A multiple of the vector width.</param>
    /// <param name="staging">[Width, columns]: memory for the last rows.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(float* destination, nint destinationStride, float* source, nint sourceStride, int rows, int columns, float* staging)
    {
        int whole = rows / TSimd.Width * TSimd.Width;
        for (int row = 0; row < whole; row += TSimd.Width)
            TransposeRows(destination + row, destinationStride, source + row * sourceStride, sourceStride, columns);
        if (whole == rows)
            return;
        Copy(staging, columns, source + whole * sourceStride, sourceStride, rows - whole, columns);
        new Span<float>(staging + (nint)(rows - whole) * columns, (TSimd.Width - (rows - whole)) * columns).Clear();
        TransposeRows(destination + whole, destinationStride, staging, columns, columns);
    }

    /// <summary>Copies [rows, columns]; the columns are a multiple of the vector width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Copy(float* destination, nint destinationStride, float* source, nint sourceStride, int rows, int columns)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column += TSimd.Width)
                TSimd.Store(destination + column, TSimd.Load(source + column));
            destination += destinationStride;
            source += sourceStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransposeRows(float* destination, nint destinationStride, float* source, nint sourceStride, int columns)
    {
        for (int column = 0; column < columns; column += TSimd.Width)
            TSimd.Transpose(source + column, sourceStride, destination + column * destinationStride, destinationStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Panel<TRow>(float* c, nint rowStrideC, float* a, nint rowStrideA, nint columnStrideA, float* b, nint rowStrideB, int rows, int k, bool fromC)
        where TRow : struct, IMatrixRow<TRow>
    {
        // Eight rows need more than the sixteen registers of the narrow path.
        if (TSimd.Width >= 16)
        {
            for (; rows >= 8; rows -= 8)
            {
                MatrixKernels<TRow>.Rows8(c, rowStrideC, a, rowStrideA, columnStrideA, b, rowStrideB, k, fromC, null, a, 0);
                c += 8 * rowStrideC;
                a += 8 * rowStrideA;
            }
        }
        for (; rows >= 4; rows -= 4)
        {
            MatrixKernels<TRow>.Rows4(c, rowStrideC, a, rowStrideA, columnStrideA, b, rowStrideB, k, fromC, null);
            c += 4 * rowStrideC;
            a += 4 * rowStrideA;
        }
        if (rows >= 2)
        {
            MatrixKernels<TRow>.Rows2(c, rowStrideC, a, rowStrideA, columnStrideA, b, rowStrideB, k, fromC, null);
            c += 2 * rowStrideC;
            a += 2 * rowStrideA;
            rows -= 2;
        }
        if (rows == 1)
            MatrixKernels<TRow>.Rows1(c, a, columnStrideA, b, rowStrideB, k, fromC, null);
    }
}
