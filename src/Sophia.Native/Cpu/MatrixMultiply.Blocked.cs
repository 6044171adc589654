using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>
/// The blocked product of one instruction-set path. See <see cref="MatrixMultiply"/> for the law of bits; read
/// <see cref="ComputeTile"/> first.
/// </summary>
/// <remarks>
/// C is cut into tiles of at most <see cref="BlockM"/> rows and some panels of columns; a tile is one work item.
/// Where a panel of B serves one tile only (few rows), the tile packs it into its worker's scratch just before use, or reads
/// it in place. Where it serves several, all panels are packed once for all workers: packing items come first in the order of
/// the run, and a tile waits until they are done.
/// A is read in place: the micro-kernel has loads to spare. Only where its columns are contiguous (a transposed operand,
/// eight floats used from every cache line it touches) and several panels share it, it is packed.
/// Measured on two cores of a Sapphire Rapids processor, share of the multiply-add peak (350 GFLOP/s) of Y = X * W^T, dX = dY * W,
/// dW += dY^T * X, November 2026: 2048^3 91, 89, 88 %; 512 x 4864 x 896 83, 81, 80 %. Packing takes some 3 % of the time at 1024^3,
/// the rest is the micro-kernels' own, whose operands come from the second-level cache.
/// </remarks>
internal static unsafe class MatrixMultiply<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    /// <summary>
    /// Steps of k of one micro-kernel call: so many that loading and storing C does not count. That much of a panel of B (96 KB)
    /// comes from the second-level cache, whose 16 bytes a cycle the kernel does not feel.
    /// </summary>
    private const int KernelK = 512;

    /// <summary>
    /// The same where the columns of A are contiguous and read in place: of every cache line eight floats serve one call and eight the next,
    /// so that the lines, too, have to stay in the first-level cache.
    /// </summary>
    private const int KernelKAcrossRows = 128;

    /// <summary>Steps of k a tile goes through before it turns to its next panel: A's part stays in the second-level cache.</summary>
    private const int BlockK = 1024;

    /// <summary>Up to so many rows a tile packs a panel of B in pieces of <see cref="FewRowsK"/> steps, which it reads again from the first-level cache.</summary>
    private const int FewRows = 32;

    private const int FewRowsK = 64;

    /// <summary>Rows of a tile.</summary>
    private const int BlockM = 128;

    /// <summary>Floats of B packed at once for all workers (9 MB: two thousand columns of BlockK steps).</summary>
    private const int MaximumPackedFloats = 9 << 18;

    /// <summary>From so many rows on it pays to pack B although its rows could be read in place.</summary>
    private const int PackRowMajorFrom = 48;

    /// <summary>From so many floats of packed B on, the next block is fetched while one is computed.</summary>
    private const long PrefetchFrom = 512 * 1024;

    /// <summary>So many panels must share a packed A to make packing it worth while.</summary>
    private const int PackAFromPanels = 4;

    /// <summary>Panels that one packing item of a row-major B fills side by side, so that it reads long runs of every row.</summary>
    private const int PackPanels = 8;

    /// <summary>Steps of k of such an item.</summary>
    private const int PackK = 256;

    /// <summary>Work items for each worker that a product is cut into where its size allows.</summary>
    private const int ItemsPerWorker = 4;

    /// <summary>Multiply-adds below which a second thread costs more than it brings.</summary>
    private const long ParallelFrom = 256 * 1024;

    private const int GroupRows = MatrixTile<TSimd, TVector>.GroupRows;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(WorkerPool pool, in MatrixProduct product)
    {
        int worker = pool.CurrentWorker;
        if (worker >= 0)
        {
            MultiplyOnWorker(pool.Scratch(worker), product);
            return;
        }
        lock (pool.Gate)
        {
            if ((long)product.M * product.N * product.K < ParallelFrom || pool.ThreadCount == 1 && product.M <= BlockM)
                MultiplyOnWorker(pool.Scratch(0), product);
            else if (MatrixColumns.Takes<TSimd, TVector>(product))
                MultiplyColumns(pool, product);
            else
                MultiplyTiles(pool, product);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MultiplyOnWorker(WorkerScratch scratch, in MatrixProduct product)
    {
        if (product.M <= 0 || product.N <= 0)
            return;
        if (MatrixColumns.Takes<TSimd, TVector>(product))
            MatrixColumns.Multiply<TSimd, TVector>(product, 0, product.N);
        else
            ComputeTile(product, scratch, MustPackB(product), null, 0, 0, MatrixPanels<TSimd, TVector>.Count(product.N), 0, product.M);
    }

    private static bool MustPackB(in MatrixProduct product) => product.ColumnStrideB != 1 || product.IsRounded || product.M >= PackRowMajorFrom;

    private static void MultiplyColumns(WorkerPool pool, in MatrixProduct product)
    {
        ColumnProduct shared;
        shared.Product = product;
        int vectors = (product.N + TSimd.Width - 1) / TSimd.Width;
        int items = Math.Min(vectors, ItemsPerWorker * pool.ThreadCount);
        shared.ItemColumns = (vectors + items - 1) / items * TSimd.Width;
        pool.Run(&RunColumns, &shared, (product.N + shared.ItemColumns - 1) / shared.ItemColumns);
    }

    private static void RunColumns(void* context, int index, int workerIndex)
    {
        ColumnProduct* shared = (ColumnProduct*)context;
        int begin = index * shared->ItemColumns;
        MatrixColumns.Multiply<TSimd, TVector>(shared->Product, begin, Math.Min(begin + shared->ItemColumns, shared->Product.N));
    }

    /// <summary>
    /// Where the packed B of a long k has no room, k is gone through in parts, each going on from the C that the one before it left: else A would be read again for every few panels that fit.
    /// </summary>
    private static void MultiplyTiles(WorkerPool pool, in MatrixProduct product)
    {
        if (product.M <= 0 || product.N <= 0)
            return;
        int steps = product.K;
        if (MustPackB(product) && product.M > BlockM)
        {
            long fitting = MaximumPackedFloats / ((long)MatrixPanels<TSimd, TVector>.Count(product.N) * MatrixPanels<TSimd, TVector>.MaximumWidth);
            if (fitting >= BlockK)
                steps = (int)Math.Min(steps, fitting / BlockK * BlockK);
        }
        int k = 0;
        do
        {
            MultiplyPart(pool, product.Part(k, Math.Min(steps, product.K - k)));
            k += steps;
        }
        while (k < product.K);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyPart(WorkerPool pool, in MatrixProduct product)
    {
        TiledProduct shared;
        shared.Product = product;
        int tilesM = (product.M + BlockM - 1) / BlockM;
        if (tilesM > 1)
            tilesM = (tilesM + pool.ThreadCount - 1) / pool.ThreadCount * pool.ThreadCount;
        shared.TileRows = ((product.M + tilesM - 1) / tilesM + GroupRows - 1) / GroupRows * GroupRows;
        shared.TilesM = (product.M + shared.TileRows - 1) / shared.TileRows;
        bool packShared = MustPackB(product) && shared.TilesM > 1;
        shared.PackInTile = MustPackB(product) && !packShared;
        shared.Packed = null;
        int panels = MatrixPanels<TSimd, TVector>.Count(product.N);
        int panelsAtOnce = panels;
        shared.PackChunks = Math.Max(1, (product.K + PackK - 1) / PackK);
        if (packShared)
        {
            long panelFloats = (long)Math.Max(product.K, 1) * MatrixPanels<TSimd, TVector>.MaximumWidth;
            panelsAtOnce = (int)Math.Clamp(MaximumPackedFloats / panelFloats, 1, panels);
            shared.Packed = pool.Scratch(0).GetFloats(ScratchSlot.MatrixShared, (nint)(panelsAtOnce * panelFloats));
        }
        for (int first = 0; first < panels; first += panelsAtOnce)
        {
            shared.FirstPanel = first;
            shared.Panels = Math.Min(panelsAtOnce, panels - first);
            int tilesN = pool.ThreadCount == 1 ? 1 : Math.Clamp((ItemsPerWorker * pool.ThreadCount + shared.TilesM - 1) / shared.TilesM, 1, shared.Panels);
            shared.TilePanels = (shared.Panels + tilesN - 1) / tilesN;
            tilesN = (shared.Panels + shared.TilePanels - 1) / shared.TilePanels;
            shared.PackItems = 0;
            if (packShared)
            {
                shared.PackItems = PacksSideBySide(product)
                    ? (shared.Panels + PackPanels - 1) / PackPanels * shared.PackChunks
                    : shared.Panels;
            }
            shared.PacksDone = 0;
            pool.Run(&RunItem, &shared, shared.PackItems + shared.TilesM * tilesN);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunItem(void* context, int index, int workerIndex)
    {
        TiledProduct* shared = (TiledProduct*)context;
        if (index < shared->PackItems)
        {
            PackShared(shared, index);
            Interlocked.Increment(ref shared->PacksDone);
            return;
        }
        SpinWait wait = default;
        while (Volatile.Read(ref shared->PacksDone) < shared->PackItems)
            wait.SpinOnce(sleep1Threshold: -1);
        int tile = index - shared->PackItems;
        int m0 = tile % shared->TilesM * shared->TileRows;
        int firstPanel = tile / shared->TilesM * shared->TilePanels;
        int endPanel = Math.Min(firstPanel + shared->TilePanels, shared->Panels);
        ComputeTile(
            shared->Product, WorkerPool.Current.Scratch(workerIndex), shared->PackInTile, shared->Packed, shared->FirstPanel,
            shared->FirstPanel + firstPanel, shared->FirstPanel + endPanel, m0, Math.Min(m0 + shared->TileRows, shared->Product.M));
    }

    /// <summary>
    /// Rows [m0, m1) of the panels [firstPanel, endPanel) of C. B comes from sharedPanels, panels whole in k that begin with
    /// panel sharedFirst, when that is not null; else it is packed here (packB) or read in place.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ComputeTile(
        in MatrixProduct product, WorkerScratch scratch, bool packB, float* sharedPanels, int sharedFirst, int firstPanel, int endPanel, int m0, int m1)
    {
        int n = product.N;
        int k0 = 0;
        MatrixTile<TSimd, TVector> tile;
        tile.RowStrideC = product.RowStrideC;
        tile.Rows = m1 - m0;
        tile.PrefetchB = sharedPanels != null && (long)n * product.K >= PrefetchFrom;
        bool packA = product.RowStrideA == 1 && product.ColumnStrideA != 1 && tile.Rows is >= GroupRows and <= BlockM && endPanel - firstPanel >= PackAFromPanels;
        int kernelK = product.RowStrideA == 1 && !packA ? KernelKAcrossRows : KernelK;
        int steps = packB && sharedPanels == null && tile.Rows <= FewRows ? FewRowsK : BlockK;
        int longest = Math.Min(steps, product.K);
        nint packedFloatsB = (nint)longest * MatrixPanels<TSimd, TVector>.MaximumWidth;
        int groups = (tile.Rows + GroupRows - 1) / GroupRows;
        do
        {
            int blockK = Math.Min(steps, product.K - k0);
            float* blockA = product.A + m0 * product.RowStrideA + k0 * product.ColumnStrideA;
            tile.RowStrideA = product.RowStrideA;
            tile.ColumnStrideA = product.ColumnStrideA;
            tile.GroupStrideA = GroupRows * product.RowStrideA;
            if (packA)
            {
                float* packedA = scratch.GetFloats(ScratchSlot.MatrixPanels, packedFloatsB + groups * MatrixPanels<TSimd, TVector>.PackedGroupStride(longest)) + packedFloatsB;
                MatrixPanels<TSimd, TVector>.PackRowGroups(blockA, product.ColumnStrideA, tile.Rows, blockK, packedA);
                blockA = packedA;
                tile.RowStrideA = 1;
                tile.ColumnStrideA = GroupRows;
                tile.GroupStrideA = MatrixPanels<TSimd, TVector>.PackedGroupStride(blockK);
            }
            for (int panel = firstPanel; panel < endPanel; panel++)
            {
                int start = MatrixPanels<TSimd, TVector>.Start(n, panel);
                int width = MatrixPanels<TSimd, TVector>.Start(n, panel + 1) - start;
                int valid = Math.Min(width, n - start);
                float* blockB;
                if (sharedPanels != null)
                {
                    blockB = sharedPanels + (nint)(start - MatrixPanels<TSimd, TVector>.Start(n, sharedFirst)) * product.K + (nint)k0 * width;
                    tile.RowStrideB = width;
                }
                else if (packB || valid < width)
                {
                    blockB = scratch.GetFloats(ScratchSlot.MatrixPanels, packedFloatsB);
                    tile.RowStrideB = width;
                    PackPanel(product, panel, k0, blockK, blockB);
                }
                else
                {
                    blockB = product.B + k0 * product.RowStrideB + start;
                    tile.RowStrideB = product.RowStrideB;
                }
                int k = 0;
                do
                {
                    tile.K = Math.Min(kernelK, blockK - k);
                    tile.A = blockA + k * tile.ColumnStrideA;
                    tile.B = blockB + k * tile.RowStrideB;
                    tile.C = product.C + m0 * product.RowStrideC + start;
                    tile.FromC = product.Accumulate || k0 + k > 0;
                    tile.Bias = product.Bias != null && k0 + k + tile.K == product.K ? product.Bias + start : null;
                    MatrixTile<TSimd, TVector> work = tile;
                    work.Compute(width, valid);
                    k += kernelK;
                }
                while (k < blockK);
            }
            k0 += steps;
        }
        while (k0 < product.K);
    }

    private static void PackShared(TiledProduct* shared, int item)
    {
        ref MatrixProduct product = ref shared->Product;
        if (!PacksSideBySide(product))
        {
            PackPanel(product, shared->FirstPanel + item, 0, product.K, shared->Packed + (nint)shared->PackedColumn(item) * product.K);
            return;
        }
        int firstPanel = item / shared->PackChunks * PackPanels;
        int k0 = item % shared->PackChunks * PackK;
        int k1 = Math.Min(k0 + PackK, product.K);
        int endPanel = Math.Min(firstPanel + PackPanels, shared->Panels);
        MatrixPanels<TSimd, TVector>.PackRows(
            product.B, product.RowStrideB, k0, k1, product.K, product.N, shared->FirstPanel + firstPanel, shared->FirstPanel + endPanel,
            shared->Packed + (nint)shared->PackedColumn(firstPanel) * product.K);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackPanel(in MatrixProduct product, int panel, int k0, int k, float* packed)
    {
        int start = MatrixPanels<TSimd, TVector>.Start(product.N, panel);
        int width = MatrixPanels<TSimd, TVector>.Start(product.N, panel + 1) - start;
        int valid = Math.Min(width, product.N - start);
        nint first = k0 * product.RowStrideB + start * product.ColumnStrideB;
        if (product.IsRounded)
            MatrixPanels<TSimd, TVector>.Pack(product.RoundedB + first, product.RowStrideB, product.ColumnStrideB, k, valid, width, packed);
        else
            MatrixPanels<TSimd, TVector>.Pack(product.B + first, product.RowStrideB, product.ColumnStrideB, k, valid, width, packed);
    }

    /// <summary>Whether one packing item fills several panels from long runs of the rows of B, rather than one panel.</summary>
    private static bool PacksSideBySide(in MatrixProduct product) => product.ColumnStrideB == 1 && !product.IsRounded;

    /// <summary>A product with few rows, shared out by columns.</summary>
    private struct ColumnProduct
    {
        public MatrixProduct Product;
        public int ItemColumns;
    }

    /// <summary>What the workers share about one product; lives on the stack of <see cref="MultiplyPart"/>.</summary>
    private struct TiledProduct
    {
        public MatrixProduct Product;
        public float* Packed;
        public bool PackInTile;
        public int FirstPanel;
        public int Panels;
        public int PackItems;
        public int PackChunks;
        public int PacksDone;
        public int TileRows;
        public int TilesM;
        public int TilePanels;

        /// <summary>Packed columns before a panel of this round.</summary>
        public readonly int PackedColumn(int panelInRound) =>
            MatrixPanels<TSimd, TVector>.Start(Product.N, FirstPanel + panelInRound) - MatrixPanels<TSimd, TVector>.Start(Product.N, FirstPanel);
    }
}
