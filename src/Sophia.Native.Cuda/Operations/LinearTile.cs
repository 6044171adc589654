namespace Sophia.Native.Cuda;

/// <summary>
/// The tile of the result that one block of kernels/linear.cu computes: what the kernel file derives from TILE_ROWS and TILE_COLUMNS, and what the choice needs to know. All tiles give the same bits.
/// </summary>
/// <param name="Rows">Rows of the result.</param>
/// <param name="Columns">Columns of the result.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
/// <param name="CyclesPerStep">Cycles of a multiprocessor for 16 values of k (bfloat16) or 1 (float), the larger of shared memory's and the arithmetic's; counted, not yet measured on a GPU.</param>
/// <param name="CyclesPerBlock">Cycles to fill the pipeline and to write the result that no other block of the multiprocessor hides; estimated.</param>
internal sealed record LinearTile(int Rows, int Columns, int Threads, int SharedBytes, int CyclesPerStep, int CyclesPerBlock)
{
    /// <summary>Rows of the tiles for decoding.</summary>
    public const int FewRows = 16;

    private static readonly LinearTile[] BFloat16Tiles = [new(128, 256, 256, 147456, 403, 4500), new(128, 128, 128, 98304, 215, 1000), new(64, 64, 128, 65536, 100, 500)];
    private static readonly LinearTile[] BFloat16DecodingTiles = [new(16, 64, 128, 81920, 0, 0), new(16, 32, 64, 73728, 0, 0), new(16, 16, 32, 65536, 0, 0)];
    private static readonly LinearTile[] FloatTiles = [new(128, 128, 256, 98304, 128, 2000), new(64, 64, 256, 49152, 40, 500)];
    private static readonly LinearTile[] FloatDecodingTiles = [new(16, 64, 128, 40960, 0, 0)];

    /// <summary>All tiles that a product can be computed with, the widest first.</summary>
    /// <param name="storage">Float32 or BFloat16.</param>
    /// <param name="product">What is computed; the tiles of few rows exist forward.</param>
    /// <param name="isAligned">Whether the rows of both operands begin at multiples of 16 bytes; element by element bfloat16 has one small tile of each kind.</param>
    /// <param name="fewRows">The tiles of few rows instead of the others.</param>
    public static ReadOnlySpan<LinearTile> Of(ElementType storage, LinearProduct product, bool isAligned, bool fewRows)
    {
        if (fewRows && product == LinearProduct.Forward)
            return storage != ElementType.BFloat16 ? FloatDecodingTiles : isAligned ? BFloat16DecodingTiles : BFloat16DecodingTiles.AsSpan(..1);
        return storage != ElementType.BFloat16 ? FloatTiles : isAligned ? BFloat16Tiles : BFloat16Tiles.AsSpan(^1);
    }

    /// <summary>The values of PRODUCT, TILE_ROWS, TILE_COLUMNS and ALIGNED that are launched.</summary>
    /// <param name="storage">Float32 or BFloat16.</param>
    public static int[][] Constants(ElementType storage)
    {
        var all = new List<int[]>();
        foreach (var product in Enum.GetValues<LinearProduct>())
        {
            foreach (var isAligned in (bool[])[false, true])
            {
                foreach (var tile in Of(storage, product, isAligned, fewRows: false))
                    all.Add([(int)product, tile.Rows, tile.Columns, isAligned ? 1 : 0]);
                if (product != LinearProduct.Forward)
                    continue;
                foreach (var tile in Of(storage, product, isAligned, fewRows: true))
                    all.Add([(int)product, tile.Rows, tile.Columns, isAligned ? 1 : 0]);
            }
        }
        return [.. all];
    }

    /// <summary>The tile for a product: with few rows the widest whose blocks fill the device, else the one with the fewest cycles of the busiest multiprocessor.</summary>
    /// <param name="storage">Float32 or BFloat16.</param>
    /// <param name="product">What is computed.</param>
    /// <param name="isAligned">Whether the rows of both operands begin at multiples of 16 bytes.</param>
    /// <param name="rows">Rows of the result.</param>
    /// <param name="columns">Columns of the result.</param>
    /// <param name="depth">Length of the sums.</param>
    /// <param name="multiprocessors">Multiprocessors of the device.</param>
    public static LinearTile Choose(ElementType storage, LinearProduct product, bool isAligned, long rows, long columns, long depth, int multiprocessors)
    {
        var fewRows = rows <= FewRows && product == LinearProduct.Forward;
        var tiles = Of(storage, product, isAligned, fewRows);
        if (fewRows)
        {
            foreach (var tile in tiles)
            {
                if (tile.Blocks(rows, columns) >= multiprocessors)
                    return tile;
            }
            return tiles[^1];
        }
        var steps = storage == ElementType.BFloat16 ? (depth + 15) / 16 : depth;
        var best = tiles[0];
        var fewest = long.MaxValue;
        foreach (var tile in tiles)
        {
            var blocks = (tile.Blocks(rows, columns) + multiprocessors - 1) / multiprocessors;
            var cycles = blocks * (steps * tile.CyclesPerStep + tile.CyclesPerBlock);
            if (cycles >= fewest)
                continue;
            fewest = cycles;
            best = tile;
        }
        return best;
    }

    /// <summary>The number of blocks.</summary>
    public long Blocks(long rows, long columns) => (rows + Rows - 1) / Rows * ((columns + Columns - 1) / Columns);
}
