namespace Sophia.Native.Cuda;

/// <summary>
/// The shapes of the kernels of kernels/attention.cu for a type and head size; the constants there and here are the same. Which kernel runs changes no bit of the results.
/// </summary>
internal readonly struct AttentionTiles
{
    /// <summary>Rows of memory that hold a block of keys or of values.</summary>
    private const int Block = Backend.AttentionKeyBlock;

    /// <summary>Many queries: a thread block takes a tile of rows through all blocks of keys.</summary>
    public readonly AttentionTile Forward;

    /// <summary>The same with tiles of twice the rows, which read keys and values half as often; no rows where there is none.</summary>
    public readonly AttentionTile Wide;

    /// <summary>Few queries: a thread block for a tile of rows and one block of keys.</summary>
    public readonly AttentionTile Split;

    /// <summary>dKey and dValue, by tiles of keys.</summary>
    public readonly AttentionTile KeyValueGradient;

    /// <summary>dQuery, by tiles of rows.</summary>
    public readonly AttentionTile QueryGradient;

    public AttentionTiles(ElementType storage, int headSize)
    {
        if (storage == ElementType.BFloat16 && headSize is 64 or 128)
        {
            var row = (headSize + 8) * 2;
            var stepRows = headSize == 64 ? 64 : 32;
            Forward = new(64, 128, (64 + 4 * Block) * row + 64 * sizeof(int));
            Wide = new(128, headSize == 64 ? 128 : 256, (128 + 4 * Block) * row + 128 * sizeof(int));
            Split = new(16, 32, (16 + 2 * Block) * row);
            KeyValueGradient = new(64, 128, (128 + 4 * stepRows) * row + 4 * stepRows * sizeof(float));
            QueryGradient = new(64, 128, (128 + 4 * stepRows) * row + 64 * sizeof(int));
        }
        else
        {
            var row = (headSize + 4) * sizeof(float);
            const int weights = (Block + 4) * sizeof(float);
            const int gradientTile = 32;
            const int gradients = gradientTile * (gradientTile + 4) * sizeof(float);
            Forward = new(64, 256, (64 + Block) * row + 64 * weights);
            Split = new(16, 256, (16 + Block) * row + 16 * weights);
            KeyValueGradient = new(gradientTile, 256, 4 * gradientTile * row + 2 * gradients);
            QueryGradient = new(gradientTile, 256, 4 * gradientTile * row + gradients);
        }
    }

    /// <summary>The head sizes kernels are compiled for.</summary>
    public static int[][] Constants => [[16], [32], [48], [64], [80], [96], [112], [128]];
}

/// <summary>Rows (pairs of query and head), or keys, of a thread block, its threads and its shared memory.</summary>
internal readonly record struct AttentionTile(int Rows, int Threads, int SharedBytes)
{
    /// <summary>Tiles that hold a number of rows.</summary>
    public long Of(long rows) => (rows + Rows - 1) / Rows;
}
