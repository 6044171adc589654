namespace Sophia.Native.Cuda.Compilation;

/// <summary>
/// Every specialization that the backend launches, in this one place: the compile gate, <c>sophia doctor --compile</c> and kernels/README.md go through it, and a launch of anything else is refused.
/// Whoever adds a kernel file or lets an operation use another constant adds it here.
/// </summary>
internal static class KernelCatalog
{
    private static readonly int[] BothTypes = [32, 16];

    private static readonly Entry[] Entries =
    [
        new(new("attention", "HEAD_SIZE"), AttentionTiles.Constants),
        new(new("cache_append")),
        new(new("embedding")),
        new(new("gelu", "ALIGNED"), Alignment.Constants),
        new(new("head")),
        new(new("layernorm", "THREADS_PER_ROW", "VECTORS_PER_THREAD", "ALIGNED"), RowTeam.Constants),
        new(new("linear", "PRODUCT", "TILE_ROWS", "TILE_COLUMNS", "ALIGNED"), LinearTile.Constants(ElementType.Float32), StorageBits: [32]),
        new(new("linear", "PRODUCT", "TILE_ROWS", "TILE_COLUMNS", "ALIGNED"), LinearTile.Constants(ElementType.BFloat16), StorageBits: [16]),
        new(new("linear_bias")),
        new(new("objective"), StorageBits: [32]),
        new(new("optimizer")),
        new(new("position_interpolation")),
        new(new("residual", "ALIGNED"), Alignment.Constants),
        new(new("rewards"), StorageBits: [32]),
        new(new("rmsnorm", "THREADS_PER_ROW", "VECTORS_PER_THREAD", "ALIGNED"), RowTeam.Constants),
        new(new("rope", "ALIGNED"), Alignment.Constants),
        new(new("sampling"), StorageBits: [32]),
        new(new("swiglu", "ALIGNED"), Alignment.Constants),
        new(new("vision")),
    ];

    private static readonly HashSet<KernelSpecialization> Known = Expand();

    /// <summary>All specializations.</summary>
    public static IReadOnlyCollection<KernelSpecialization> Specializations => Known;

    /// <summary>Whether a specialization is in the list.</summary>
    public static bool Contains(KernelSpecialization specialization) => Known.Contains(specialization);

    private static HashSet<KernelSpecialization> Expand()
    {
        var all = new HashSet<KernelSpecialization>();
        foreach (var entry in Entries)
        {
            foreach (var bits in entry.StorageBits ?? BothTypes)
            {
                foreach (var values in entry.Constants ?? [[]])
                {
                    int Value(int index) => index < values.Length ? values[index] : 0;
                    all.Add(new(entry.File, bits, Value(0), Value(1), Value(2), Value(3)));
                }
            }
        }
        return all;
    }

    /// <summary>A file with the values its constants take.</summary>
    /// <param name="File">The file and the names of its constants.</param>
    /// <param name="Constants">The values in use, one array for each specialization; null for a file without constants.</param>
    /// <param name="StorageBits">The types it is compiled for; null for fp32 and bfloat16.</param>
    private sealed record Entry(KernelFile File, int[][]? Constants = null, int[]? StorageBits = null);
}
