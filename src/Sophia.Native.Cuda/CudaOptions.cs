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

    /// <summary>Whether the first kernel that has to be compiled starts the compilation of all others of its type on the other processors. Nothing is compiled that is in the cache.</summary>
    public bool CompilesAhead { get; init; } = true;
}
