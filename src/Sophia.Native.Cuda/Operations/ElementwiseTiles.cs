namespace Sophia.Native.Cuda;

/// <summary>How an elementwise operation is cut into blocks (kernels/elementwise.cuh): a row is shared by as few blocks as possible, all of the same whole number of warps.</summary>
/// <param name="BlocksAcross">Blocks that make up a row.</param>
/// <param name="Threads">Threads of a block.</param>
internal readonly record struct ElementwiseTiles(int BlocksAcross, int Threads)
{
    private const int Warp = 32;
    private const int MostThreads = 256;

    /// <summary>TILE_ROWS: rows that a thread works on.</summary>
    private const int Rows = 4;

    /// <summary>The tiles of a matrix.</summary>
    /// <param name="columns">Elements of a row.</param>
    /// <param name="type">The storage type.</param>
    public static ElementwiseTiles For(long columns, ElementType type)
    {
        var vectors = (columns + Alignment.Vector(type) - 1) / Alignment.Vector(type);
        var across = (vectors + MostThreads - 1) / MostThreads;
        var threads = ((vectors + across - 1) / across + Warp - 1) / Warp * Warp;
        return new(checked((int)across), (int)threads);
    }

    /// <summary>Blocks of a launch.</summary>
    /// <param name="rows">N.</param>
    public long Blocks(long rows) => (rows + Rows - 1) / Rows * BlocksAcross;
}
