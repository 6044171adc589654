namespace Sophia.Native.Cuda;

/// <summary>
/// The tile of the result that one block of kernels/linear.cu computes: what the kernel file derives from TILE_ROWS and TILE_COLUMNS, and what the choice needs to know. All tiles give the same bits.
/// </summary>
/// <param name="Rows">Rows of the result.</param>
/// <param name="Columns">Columns of the result.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
/// <param name="CyclesPerStep">
/// Cycles of a multiprocessor for 16 values of k (bfloat16) or 1 (float), the larger of shared memory's and the arithmetic's; counted, not yet measured on a GPU. 0 for a tile that is taken by its rows.
/// </param>
/// <param name="CyclesPerBlock">Cycles to fill the pipeline and to write the result that no other block of the multiprocessor hides; estimated.</param>
internal sealed record LinearTile(int Rows, int Columns, int Threads, int SharedBytes, int CyclesPerStep = 0, int CyclesPerBlock = 0)
{
    private static readonly LinearTile[] BFloat16Tiles =
    [
        new(128, 256, 256, 147456, 403, 4500), new(128, 128, 128, 98304, 215, 1000), new(64, 64, 128, 65536, 100, 500),
        new(64, 32, 64, 98304), new(32, 64, 64, 98304), new(32, 32, 32, 65536), new(16, 64, 128, 81920), new(16, 32, 64, 73728), new(16, 16, 32, 65536),
    ];

    /// <summary>Element by element: one tile for many rows and one for few.</summary>
    private static readonly LinearTile[] BFloat16UnalignedTiles = [BFloat16Tiles[2], BFloat16Tiles[6]];

    private static readonly LinearTile[] FloatTiles = [new(128, 128, 256, 98304, 128, 2000), new(64, 64, 256, 49152, 40, 500), new(16, 64, 128, 40960)];

    /// <summary>Whether the tile is for few rows, which exists forward only.</summary>
    private bool IsForFewRows => CyclesPerStep == 0;

    /// <summary>All tiles that a product can be computed with.</summary>
    /// <param name="storage">Float32 or BFloat16.</param>
    /// <param name="product">What is computed.</param>
    /// <param name="isAligned">Whether the rows of both operands begin at multiples of 16 bytes.</param>
    public static IEnumerable<LinearTile> Of(ElementType storage, LinearProduct product, bool isAligned)
    {
        foreach (var tile in Table(storage, isAligned))
        {
            if (product == LinearProduct.Forward || !tile.IsForFewRows)
                yield return tile;
        }
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
                foreach (var tile in Of(storage, product, isAligned))
                    all.Add([(int)product, tile.Rows, tile.Columns, isAligned ? 1 : 0]);
            }
        }
        return [.. all];
    }

    /// <summary>The tile for a product: with few rows, which one tile holds, the widest whose blocks fill the device; else the one with the fewest cycles of the busiest multiprocessor.</summary>
    /// <param name="storage">Float32 or BFloat16.</param>
    /// <param name="product">What is computed.</param>
    /// <param name="isAligned">Whether the rows of both operands begin at multiples of 16 bytes.</param>
    /// <param name="rows">Rows of the result.</param>
    /// <param name="columns">Columns of the result.</param>
    /// <param name="depth">Length of the sums.</param>
    /// <param name="multiprocessors">Multiprocessors of the device.</param>
    /// <param name="sharedBytes">The most shared memory of a block.</param>
    public static LinearTile Choose(ElementType storage, LinearProduct product, bool isAligned, long rows, long columns, long depth, int multiprocessors, int sharedBytes)
    {
        var tiles = Table(storage, isAligned);
        if (product == LinearProduct.Forward && ForFewRows(tiles, rows, columns, multiprocessors) is { } narrow)
            return narrow;
        var steps = storage == ElementType.BFloat16 ? (depth + 15) / 16 : depth;
        LinearTile? best = null;
        var fewest = long.MaxValue;
        foreach (var tile in tiles)
        {
            if (tile.IsForFewRows || tile.SharedBytes > sharedBytes)
                continue;
            var blocks = (tile.Blocks(rows, columns) + multiprocessors - 1) / multiprocessors;
            var cycles = blocks * (steps * tile.CyclesPerStep + tile.CyclesPerBlock);
            if (cycles >= fewest)
                continue;
            fewest = cycles;
            best = tile;
        }
        return best!;
    }

    /// <summary>The number of blocks.</summary>
    public long Blocks(long rows, long columns) => (rows + Rows - 1) / Rows * ((columns + Columns - 1) / Columns);

    /// <summary>Among the tiles of the fewest rows that hold all rows: the widest that fills the device, else the narrowest. Null where none holds them.</summary>
    private static LinearTile? ForFewRows(LinearTile[] tiles, long rows, long columns, int multiprocessors)
    {
        LinearTile? found = null;
        foreach (var tile in tiles)
        {
            if (tile.Rows < rows || tile.Rows > 64 || (found is not null && tile.Rows == found.Rows && found.Blocks(rows, columns) >= multiprocessors))
                continue;
            found = tile;
        }
        return found;
    }

    private static LinearTile[] Table(ElementType storage, bool isAligned) => storage != ElementType.BFloat16 ? FloatTiles : isAligned ? BFloat16Tiles : BFloat16UnalignedTiles;
}
