using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>
/// The blocked product of one instruction-set path. See <see cref="MatrixMultiply"/> for the law of bits.
/// </summary>
/// <remarks>
/// <see cref="MultiplyOnWorker"/> is the simple road: a block of k, panel by panel of B (packed into the worker's scratch,
/// or read in place), all rows of A.
/// <see cref="Multiply"/> packs whole panels of B once for all workers and hands out tiles of C. Packing and tiles are
/// work items of one run: packing items come first in the order, and a tile waits until all of them are done.
/// </remarks>
internal static unsafe class MatrixMultiply<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    /// <summary>Steps of k between two visits of a tile of C.</summary>
    private const int BlockK = 256;

    /// <summary>Rows of A that one tile keeps in the second-level cache.</summary>
    private const int BlockM = 128;

    /// <summary>Floats of B packed at once by <see cref="Multiply"/> (8 MB).</summary>
    private const int MaximumPackedFloats = 2 << 20;

    /// <summary>From so many rows on it pays to pack B although its rows could be read in place.</summary>
    private const int PackRowMajorFrom = 48;

    /// <summary>Multiply-adds below which a second thread costs more than it brings.</summary>
    private const long ParallelFrom = 64 * 1024;

    private const int MaximumRows = 8;

    public static void Multiply(WorkerPool pool, in MatrixProduct product)
    {
        if (product.M <= 0 || product.N <= 0)
            return;
        int worker = pool.CurrentWorker;
        if (worker >= 0)
        {
            MultiplyOnWorker(pool.Scratch(worker), product);
            return;
        }
        lock (pool.Gate)
        {
            if ((long)product.M * product.N * product.K < ParallelFrom)
            {
                MultiplyOnWorker(pool.Scratch(0), product);
                return;
            }
            MultiplyShared(pool, product);
        }
    }

    public static void MultiplyOnWorker(WorkerScratch scratch, in MatrixProduct product)
    {
        if (product.M <= 0 || product.N <= 0)
            return;
        int panels = MatrixPanels<TSimd, TVector>.Count(product.N);
        bool pack = MustPack(product);
        int k0 = 0;
        do
        {
            int k = Math.Min(BlockK, product.K - k0);
            for (int panel = 0; panel < panels; panel++)
                ComputePanel(product, scratch, pack, null, 0, panel, 0, product.M, k0, k);
            k0 += k;
        }
        while (k0 < product.K);
    }

    private static bool MustPack(in MatrixProduct product) => product.ColumnStrideB != 1 || product.M >= PackRowMajorFrom;

    private static void MultiplyShared(WorkerPool pool, in MatrixProduct product)
    {
        SharedProduct shared;
        shared.Product = product;
        shared.Pack = MustPack(product);
        int panels = MatrixPanels<TSimd, TVector>.Count(product.N);
        int panelsAtOnce = panels;
        if (shared.Pack)
        {
            long panelFloats = (long)Math.Max(product.K, 1) * MatrixPanels<TSimd, TVector>.MaximumWidth;
            panelsAtOnce = (int)Math.Clamp(MaximumPackedFloats / panelFloats, 1, panels);
            shared.Packed = pool.Scratch(0).GetFloats(ScratchSlot.MatrixShared, (nint)(panelsAtOnce * panelFloats));
        }
        else
        {
            shared.Packed = null;
        }

        int tilesM = (product.M + BlockM - 1) / BlockM;
        shared.TileRows = ((product.M + tilesM - 1) / tilesM + MaximumRows - 1) / MaximumRows * MaximumRows;
        shared.TilesM = (product.M + shared.TileRows - 1) / shared.TileRows;
        for (int first = 0; first < panels; first += panelsAtOnce)
        {
            shared.FirstPanel = first;
            shared.Panels = Math.Min(panelsAtOnce, panels - first);
            int tilesN = Math.Clamp((4 * pool.ThreadCount + shared.TilesM - 1) / shared.TilesM, 1, shared.Panels);
            shared.TilePanels = (shared.Panels + tilesN - 1) / tilesN;
            tilesN = (shared.Panels + shared.TilePanels - 1) / shared.TilePanels;
            shared.PackItems = shared.Pack ? shared.Panels : 0;
            shared.Packs = 0;
            pool.Run(&RunItem, &shared, shared.PackItems + shared.TilesM * tilesN);
        }
    }

    private static void RunItem(void* context, int index, int workerIndex)
    {
        SharedProduct* shared = (SharedProduct*)context;
        if (index < shared->PackItems)
        {
            PackPanel(shared->Product, shared->FirstPanel + index, 0, shared->Product.K, shared->PackedPanel(index));
            Interlocked.Increment(ref shared->Packs);
            return;
        }
        SpinWait wait = default;
        while (Volatile.Read(ref shared->Packs) < shared->PackItems)
            wait.SpinOnce(sleep1Threshold: -1);
        int tile = index - shared->PackItems;
        int tileM = tile % shared->TilesM;
        int firstPanel = tile / shared->TilesM * shared->TilePanels;
        int endPanel = Math.Min(firstPanel + shared->TilePanels, shared->Panels);
        int m0 = tileM * shared->TileRows;
        int m1 = Math.Min(m0 + shared->TileRows, shared->Product.M);
        WorkerScratch scratch = WorkerPool.Current.Scratch(workerIndex);
        int k0 = 0;
        do
        {
            int k = Math.Min(BlockK, shared->Product.K - k0);
            for (int panel = firstPanel; panel < endPanel; panel++)
            {
                float* packed = shared->Packed == null ? null : shared->PackedPanel(panel);
                ComputePanel(shared->Product, scratch, false, packed, shared->Product.K, shared->FirstPanel + panel, m0, m1, k0, k);
            }
            k0 += k;
        }
        while (k0 < shared->Product.K);
    }

    private static void PackPanel(in MatrixProduct product, int panel, int k0, int k, float* packed)
    {
        int start = MatrixPanels<TSimd, TVector>.Start(product.N, panel);
        int width = MatrixPanels<TSimd, TVector>.Start(product.N, panel + 1) - start;
        int valid = Math.Min(width, product.N - start);
        MatrixPanels<TSimd, TVector>.Pack(
            product.B + k0 * product.RowStrideB + start * product.ColumnStrideB, product.RowStrideB, product.ColumnStrideB, k, valid, width, packed);
    }

    /// <summary>
    /// Rows [m0, m1) of one panel of C over k steps from k0. B comes from <paramref name="packed"/> when it is given (a whole
    /// panel), else it is packed here when <paramref name="pack"/> is set or the panel has missing columns, else read in place.
    /// </summary>
    private static void ComputePanel(in MatrixProduct product, WorkerScratch scratch, bool pack, float* packed, int packedK, int panel, int m0, int m1, int k0, int k)
    {
        int start = MatrixPanels<TSimd, TVector>.Start(product.N, panel);
        int width = MatrixPanels<TSimd, TVector>.Start(product.N, panel + 1) - start;
        int valid = Math.Min(width, product.N - start);
        PanelWork work;
        if (packed != null)
        {
            work.B = packed + (nint)k0 * width;
            work.RowStrideB = width;
        }
        else if (pack || valid < width)
        {
            work.B = scratch.GetFloats(ScratchSlot.MatrixPanels, BlockK * MatrixPanels<TSimd, TVector>.MaximumWidth);
            work.RowStrideB = width;
            PackPanel(product, panel, k0, k, work.B);
        }
        else
        {
            work.B = product.B + k0 * product.RowStrideB + start;
            work.RowStrideB = product.RowStrideB;
        }
        work.C = product.C + m0 * product.RowStrideC + start;
        work.RowStrideC = product.RowStrideC;
        work.A = product.A + m0 * product.RowStrideA + k0 * product.ColumnStrideA;
        work.RowStrideA = product.RowStrideA;
        work.ColumnStrideA = product.ColumnStrideA;
        work.Bias = product.Bias != null && k0 + k == product.K ? product.Bias + start : null;
        work.Rows = m1 - m0;
        work.K = k;
        work.FromC = product.Accumulate || k0 > 0;
        if (valid < width)
            work.ComputeThroughBuffer(width, valid);
        else
            work.Compute(width);
    }

    /// <summary>What the workers share about one product; lives on the stack of <see cref="MultiplyShared"/>.</summary>
    private struct SharedProduct
    {
        public MatrixProduct Product;
        public float* Packed;
        public bool Pack;
        public int FirstPanel;
        public int Panels;
        public int PackItems;
        public int TileRows;
        public int TilesM;
        public int TilePanels;
        public int Packs;

        /// <summary>Where a panel of this round lies: panels follow one another, each all of k.</summary>
        public readonly float* PackedPanel(int panelInRound) =>
            Packed + (nint)(MatrixPanels<TSimd, TVector>.Start(Product.N, FirstPanel + panelInRound) - MatrixPanels<TSimd, TVector>.Start(Product.N, FirstPanel)) * Product.K;
    }

    /// <summary>One panel's operands as the micro-kernels take them.</summary>
    private struct PanelWork
    {
        public float* C;
        public nint RowStrideC;
        public float* A;
        public nint RowStrideA;
        public nint ColumnStrideA;
        public float* B;
        public nint RowStrideB;
        public float* Bias;
        public int Rows;
        public nint K;
        public bool FromC;

        public void Compute(int width)
        {
            if (width == 3 * TSimd.Width)
                Compute<MatrixRow3<TSimd, TVector>>();
            else if (width == 2 * TSimd.Width)
                Compute<MatrixRow2<TSimd, TVector>>();
            else
                Compute<MatrixRow1<TSimd, TVector>>();
        }

        /// <summary>
        /// The same when only the first <paramref name="valid"/> columns of the panel exist: rows of C go through a buffer
        /// as wide as the panel, so that the kernels need no masks.
        /// </summary>
        [SkipLocalsInit]
        public void ComputeThroughBuffer(int width, int valid)
        {
            float* buffer = stackalloc float[(MaximumRows + 1) * 3 * TSimd.Width];
            float* bias = buffer + MaximumRows * width;
            float* c = C;
            nint rowStrideC = RowStrideC;
            int rows = Rows;
            if (Bias != null)
            {
                new Span<float>(bias, width).Clear();
                new Span<float>(Bias, valid).CopyTo(new Span<float>(bias, valid));
                Bias = bias;
            }
            C = buffer;
            RowStrideC = width;
            for (int row = 0; row < rows; row += MaximumRows)
            {
                Rows = Math.Min(MaximumRows, rows - row);
                if (FromC)
                {
                    for (int i = 0; i < Rows; i++)
                    {
                        new Span<float>(c + i * rowStrideC, valid).CopyTo(new Span<float>(buffer + i * width, valid));
                        new Span<float>(buffer + i * width + valid, width - valid).Clear();
                    }
                }
                Compute(width);
                for (int i = 0; i < Rows; i++)
                    new Span<float>(buffer + i * width, valid).CopyTo(new Span<float>(c + i * rowStrideC, valid));
                c += MaximumRows * rowStrideC;
                A += MaximumRows * RowStrideA;
            }
        }

        private readonly void Compute<TRow>()
            where TRow : struct, IMatrixRow<TRow>
        {
            float* c = C;
            float* a = A;
            int rows = Rows;
            // Eight rows need more than the sixteen registers of the narrow path.
            if (TSimd.Width >= 16)
            {
                for (; rows >= 8; rows -= 8)
                {
                    MatrixKernels<TRow>.Rows8(c, RowStrideC, a, RowStrideA, ColumnStrideA, B, RowStrideB, K, FromC, Bias);
                    c += 8 * RowStrideC;
                    a += 8 * RowStrideA;
                }
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
}
