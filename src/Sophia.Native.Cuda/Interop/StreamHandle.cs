namespace Sophia.Native.Cuda.Interop;

/// <summary>A stream of our own.</summary>
internal sealed class StreamHandle : ContextBoundHandle
{
    private StreamHandle(ContextHandle context, nint stream) : base(context, stream)
    {
    }

    /// <summary>Creates a stream that does not wait for the legacy default stream.</summary>
    public static StreamHandle Create(ContextHandle context)
    {
        using var scope = context.Enter();
        CudaError.Check(CudaDriver.cuStreamCreate(out var stream, CudaDriver.StreamNonBlocking), $"cuStreamCreate(non-blocking)");
        return new(context, stream);
    }

    protected override bool Destroy() => CudaDriver.cuStreamDestroy_v2(handle) == CudaResult.Success;
}
