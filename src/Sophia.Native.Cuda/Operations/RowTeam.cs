namespace Sophia.Native.Cuda;

/// <summary>
/// The threads that hold one row of a norm, the constants of kernels/row_team.cuh. They follow from the number of channels and the storage type alone, and with them the order of every sum over a row.
/// </summary>
/// <param name="Threads">THREADS_PER_ROW.</param>
/// <param name="Vectors">VECTORS_PER_THREAD: 1, 2, or 0 for a row that does not fit into registers.</param>
internal readonly record struct RowTeam(int Threads, int Vectors)
{
    private const int SharedBlockThreads = 256;

    /// <summary>Two blocks on each of the 132 multiprocessors of an H100 or H200: all parts of a backward pass run at once. A constant, so that sums over rows have the same order on every device.</summary>
    public const int MostParts = 264;

    /// <summary>The teams from the smallest on; the last one takes rows of any length.</summary>
    private static readonly RowTeam[] All = [new(16, 1), new(16, 2), new(32, 2), new(64, 2), new(128, 2), new(256, 2), new(384, 2), new(512, 2), new(512, 0)];

    /// <summary>Rows that a block works on at a time.</summary>
    public int TeamsPerBlock => Threads >= SharedBlockThreads ? 1 : SharedBlockThreads / Threads;

    /// <summary>Threads of a block.</summary>
    public int BlockThreads => TeamsPerBlock * Threads;

    /// <summary>The values of THREADS_PER_ROW, VECTORS_PER_THREAD and ALIGNED with which kernels are compiled.</summary>
    public static int[][] Constants { get; } = [.. All.SelectMany(team => (int[][])[[team.Threads, team.Vectors, 0], [team.Threads, team.Vectors, 1]])];

    /// <summary>The team for a row.</summary>
    /// <param name="channels">C.</param>
    /// <param name="type">The storage type.</param>
    public static RowTeam For(long channels, ElementType type)
    {
        var vectors = (channels + Alignment.Vector(type) - 1) / Alignment.Vector(type);
        foreach (var team in All)
        {
            if (vectors <= team.Threads * team.Vectors)
                return team;
        }
        return All[^1];
    }

    /// <summary>Blocks of a forward pass.</summary>
    /// <param name="rows">N.</param>
    public long Blocks(long rows) => (rows + TeamsPerBlock - 1) / TeamsPerBlock;

    /// <summary>Parts into which a backward pass cuts the rows, at least two rows for each team where there are so many.</summary>
    /// <param name="rows">N.</param>
    public int Parts(long rows) => (int)Math.Clamp(rows / (2 * TeamsPerBlock), 1, MostParts);
}
