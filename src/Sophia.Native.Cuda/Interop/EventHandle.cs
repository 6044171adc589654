namespace Sophia.Native.Cuda.Interop;

/// <summary>An event.</summary>
internal sealed class EventHandle : ContextBoundHandle
{
    private EventHandle(ContextHandle context, nint created) : base(context, created)
    {
    }

    /// <summary>Creates an event.</summary>
    /// <param name="context">Its context.</param>
    /// <param name="isTimed">Whether it takes the time.</param>
    public static EventHandle Create(ContextHandle context, bool isTimed = false)
    {
        using var scope = context.Enter();
        CudaError.Check(CudaDriver.cuEventCreate(out var created, isTimed ? 0 : CudaDriver.EventDisableTiming), $"cuEventCreate()");
        return new(context, created);
    }

    protected override bool Destroy() => CudaDriver.cuEventDestroy_v2(handle) == CudaResult.Success;
}
