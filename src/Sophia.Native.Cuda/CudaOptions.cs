namespace Sophia.Native.Cuda;

/// <summary>What a caller may fix when the CUDA backend is opened.</summary>
public sealed record CudaOptions
{
    /// <summary>Number of the device; not used where <see cref="Context"/> or <see cref="Stream"/> is given.</summary>
    public int Device { get; init; }

    /// <summary>A CUcontext of the host program, which is neither created nor destroyed here; null for the device's primary context.</summary>
    public nint? Context { get; init; }

    /// <summary>A CUstream of the host program, which is neither created nor destroyed here; null for a stream of the backend's own.</summary>
    public nint? Stream { get; init; }

    /// <summary>Whether linear layers use the own batch-invariant products or cuBLASLt.</summary>
    public Numerics Numerics { get; init; }

    /// <summary>
    /// Whether the first kernel that has to be compiled starts the compilation of all others of its type on the other processors. Nothing is compiled that is in the cache.
    /// SOPHIA_CUDA_COMPILE_AHEAD=0 switches it off.
    /// </summary>
    public bool CompilesAhead { get; init; } = true;

    /// <summary>A folder with the kernels' sources in the place of this assembly's; null for what SOPHIA_CUDA_KERNELS says.</summary>
    internal string? KernelFolder { get; init; }

    /// <summary>Whether scratch memory has exactly the bytes that an operation asks for, however often it has to be allocated anew: what lies behind them is then another's, which the emulator sees.</summary>
    internal bool ExactScratch { get; init; }

    /// <summary>The folder of the kernel cache; null for what SOPHIA_CUDA_CACHE says.</summary>
    internal string? CacheFolder { get; init; }
}
