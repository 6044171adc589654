namespace Sophia.Native;

/// <summary>What a caller may fix when a backend is opened.</summary>
public sealed record BackendOptions
{
    /// <summary>Number of CPU threads; 0 takes all processors of the process.</summary>
    public int Threads { get; init; }

    /// <summary>The CPU's instruction path: <c>avx512</c>, <c>portable</c>, or null for the best one there is (or what SOPHIA_CPU_PATH says).</summary>
    public string? CpuPath { get; init; }

    /// <summary>Which matrix products are used; only the CUDA backend has a choice.</summary>
    public Numerics Numerics { get; init; }

    /// <summary>Told of every backend that <c>auto</c> passes over: its name and why.</summary>
    public Action<string, string>? Skipped { get; init; }
}
