using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Sophia.Native.Cpu;

/// <summary>
/// Some rows of one panel of C over one block of k, with the operands as the micro-kernels take them: calls the largest
/// kernels that fit. Rows of A come in groups of eight, a group <see cref="GroupStrideA"/> after the one before it, so that
/// a packed A ([group, k, 8]) and one read in place look the same.
/// </summary>
internal unsafe struct MatrixTile<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    /// <summary>Rows of the largest kernel.</summary>
    public const int GroupRows = 8;

    public float* C;
    public nint RowStrideC;
    public float* A;
    public nint GroupStrideA;
    public nint RowStrideA;
    public nint ColumnStrideA;
    public float* B;
    public nint RowStrideB;
    public float* Bias;
    public int Rows;
    public nint K;
    public bool FromC;

    /// <summary>Whether the memory behind this block of B is the one needed next, to be fetched meanwhile.</summary>
    public bool PrefetchB;

    /// <summary>Computes a tile of <paramref name="width"/> columns (a panel's width), of which the first <paramref name="valid"/> exist in C.</summary>
    public void Compute(int width, int valid)
    {
        if (valid < width)
            ComputeThroughBuffer(width, valid);
        else if (width == 3 * TSimd.Width)
            ComputeRows<MatrixRow3<TSimd, TVector>>();
        else if (width == 2 * TSimd.Width)
            ComputeRows<MatrixRow2<TSimd, TVector>>();
        else
            ComputeRows<MatrixRow1<TSimd, TVector>>();
    }

    /// <summary>Rows of C go through a buffer as wide as the panel, so that the kernels need no masks.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ComputeThroughBuffer(int width, int valid)
    {
        float* buffer = stackalloc float[(GroupRows + 1) * 3 * TSimd.Width];
        float* bias = buffer + GroupRows * width;
        float* c = C;
        nint rowStrideC = RowStrideC;
        int rows = Rows;
        if (Bias != null)
        {
            LoadRow(Bias, bias, valid);
            Bias = bias;
        }
        C = buffer;
        RowStrideC = width;
        for (int row = 0; row < rows; row += GroupRows)
        {
            Rows = Math.Min(GroupRows, rows - row);
            if (FromC)
            {
                for (int i = 0; i < Rows; i++)
                    LoadRow(c + i * rowStrideC, buffer + i * width, valid);
            }
            Compute(width, width);
            for (int i = 0; i < Rows; i++)
                StoreRow(buffer + i * width, c + i * rowStrideC, valid);
            c += GroupRows * rowStrideC;
            A += GroupStrideA;
        }
    }

    /// <summary>Fills a row of the buffer, its missing columns with zeros: what lay there before might be subnormal, which is slow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadRow(float* source, float* buffer, int valid)
    {
        int column = 0;
        for (; column + TSimd.Width <= valid; column += TSimd.Width)
            TSimd.Store(buffer + column, TSimd.Load(source + column));
        if (column < valid)
            TSimd.Store(buffer + column, TSimd.LoadPartial(source + column, valid - column));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow(float* buffer, float* destination, int valid)
    {
        int column = 0;
        for (; column + TSimd.Width <= valid; column += TSimd.Width)
            TSimd.Store(destination + column, TSimd.Load(buffer + column));
        if (column < valid)
            TSimd.StorePartial(destination + column, TSimd.Load(buffer + column), valid - column);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void ComputeRows<TRow>()
        where TRow : struct, IMatrixRow<TRow>
    {
        float* c = C;
        float* group = A;
        // Every group asks for its share of the next block of B, a little at each step: all at once the requests would wait for each other, and the kernel for them.
        float* next = PrefetchB ? B + K * RowStrideB : A;
        nint nextStep = PrefetchB ? RowStrideB / ((Rows + GroupRows - 1) / GroupRows) : 0;
        for (int left = Rows; left > 0; left -= GroupRows)
        {
            if (Sse.IsSupported && left > GroupRows)
                PrefetchRows(c + GroupRows * RowStrideC, TRow.Vectors * TSimd.Width, Math.Min(left - GroupRows, GroupRows));
            ComputeGroup<TRow>(c, group, Math.Min(left, GroupRows), next, nextStep);
            next += K * nextStep;
            c += GroupRows * RowStrideC;
            group += GroupStrideA;
        }
    }

    /// <summary>Asks for the part of C that the next group adds to or overwrites: its lines come from far away and all at once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void PrefetchRows(float* c, int columns, int rows)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column += 16)
                Sse.Prefetch0(c + column);
            c += RowStrideC;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void ComputeGroup<TRow>(float* c, float* a, int rows, float* next, nint nextStep)
        where TRow : struct, IMatrixRow<TRow>
    {
        // Eight rows need more than the sixteen registers of the narrow path.
        if (TSimd.Width >= 16 && rows == GroupRows)
        {
            MatrixKernels<TRow>.Rows8(c, RowStrideC, a, RowStrideA, ColumnStrideA, B, RowStrideB, K, FromC, Bias, next, nextStep);
            return;
        }
        for (; rows >= 4; rows -= 4)
        {
            MatrixKernels<TRow>.Rows4(c, RowStrideC, a, RowStrideA, ColumnStrideA, B, RowStrideB, K, FromC, Bias);
            c += 4 * RowStrideC;
            a += 4 * RowStrideA;
        }
        if (rows >= 2)
        {
            MatrixKernels<TRow>.Rows2(c, RowStrideC, a, RowStrideA, ColumnStrideA, B, RowStrideB, K, FromC, Bias);
            c += 2 * RowStrideC;
            a += 2 * RowStrideA;
            rows -= 2;
        }
        if (rows == 1)
            MatrixKernels<TRow>.Rows1(c, a, ColumnStrideA, B, RowStrideB, K, FromC, Bias);
    }
}
