using System.Runtime.InteropServices;

namespace Sophia.Native.Cuda.Interop;

/// <summary>A driver object that lives in a context and keeps it alive until it is destroyed itself.</summary>
internal abstract class ContextBoundHandle : SafeHandle
{
    protected ContextBoundHandle(ContextHandle context, nint value, bool isOwned = true) : base(0, isOwned)
    {
        Context = context;
        var isHeld = false;
        context.DangerousAddRef(ref isHeld);
        SetHandle(value);
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>Where the object lives.</summary>
    protected ContextHandle Context { get; }

    /// <summary>The object itself, for calls on the way of a launch.</summary>
    public nint Value => handle;

    protected override bool ReleaseHandle()
    {
        var isCurrent = CudaDriver.cuCtxPushCurrent_v2(Context.Value) == CudaResult.Success;
        var isDestroyed = Destroy();
        if (isCurrent)
            CudaDriver.cuCtxPopCurrent_v2(out _);
        Context.DangerousRelease();
        return isDestroyed;
    }

    /// <summary>Destroys the object; its context is current.</summary>
    protected abstract bool Destroy();
}
