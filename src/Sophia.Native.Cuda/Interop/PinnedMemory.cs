namespace Sophia.Native.Cuda.Interop;

/// <summary>Host memory that the device copies from and to on its own.</summary>
internal sealed class PinnedMemory : ContextBoundHandle
{
    private PinnedMemory(ContextHandle context, nint address) : base(context, address)
    {
    }

    /// <summary>Allocates.</summary>
    public static PinnedMemory Allocate(ContextHandle context, int bytes)
    {
        using var scope = context.Enter();
        CudaError.Check(CudaDriver.cuMemHostAlloc(out var address, (nuint)bytes, 0), $"cuMemHostAlloc({bytes} bytes)");
        return new(context, address);
    }

    protected override bool Destroy() => CudaDriver.cuMemFreeHost(handle) == CudaResult.Success;
}
