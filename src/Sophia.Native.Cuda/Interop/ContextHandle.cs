using System.Runtime.InteropServices;

namespace Sophia.Native.Cuda.Interop;

/// <summary>A context: the device's primary one, which is retained and released, or one of the host program, which is neither.</summary>
internal sealed class ContextHandle : SafeHandle
{
    private readonly bool _isPrimary;

    private ContextHandle(nint context, int device, bool isPrimary) : base(0, ownsHandle: isPrimary)
    {
        Device = device;
        _isPrimary = isPrimary;
        SetHandle(context);
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>The context itself, for calls on the way of a launch.</summary>
    public nint Value => handle;

    /// <summary>Its device.</summary>
    public int Device { get; }

    /// <summary>Retains the primary context of a device.</summary>
    public static ContextHandle Primary(int device)
    {
        CudaError.Check(CudaDriver.cuDevicePrimaryCtxRetain(out var context, device), $"cuDevicePrimaryCtxRetain(device {device})");
        return new(context, device, isPrimary: true);
    }

    /// <summary>Wraps a context that belongs to the host program.</summary>
    public static ContextHandle Foreign(nint context)
    {
        CudaError.Check(CudaDriver.cuCtxPushCurrent_v2(context), $"cuCtxPushCurrent(context {context:x})");
        var result = CudaDriver.cuCtxGetDevice(out var device);
        CudaDriver.cuCtxPopCurrent_v2(out _);
        CudaError.Check(result, $"cuCtxGetDevice of the context {context:x}");
        return new(context, device, isPrimary: false);
    }

    /// <summary>Makes the context current until the scope ends; the caller's own is current again after it.</summary>
    /// <exception cref="CudaException">The driver refused.</exception>
    public Scope Enter()
    {
        CudaError.Check(Scope.TryEnter(handle, out var scope), $"cuCtxPushCurrent(context {handle:x})");
        return scope;
    }

    /// <summary>The same for what must not throw: whether the context is current now.</summary>
    public bool TryEnter(out Scope scope) => Scope.TryEnter(handle, out scope) == CudaResult.Success;

    protected override bool ReleaseHandle() => !_isPrimary || CudaDriver.cuDevicePrimaryCtxRelease_v2(Device) == CudaResult.Success;

    /// <summary>The time in which the context is current on this thread.</summary>
    public readonly ref struct Scope
    {
        private readonly bool _isPushed;

        private Scope(bool isPushed) => _isPushed = isPushed;

        /// <summary>Makes a context current; it is pushed only where another one, or none, is current.</summary>
        public static CudaResult TryEnter(nint context, out Scope scope)
        {
            scope = default;
            var result = CudaDriver.cuCtxGetCurrent(out var current);
            if (result != CudaResult.Success || current == context)
                return result;
            result = CudaDriver.cuCtxPushCurrent_v2(context);
            scope = new(result == CudaResult.Success);
            return result;
        }

        public void Dispose()
        {
            if (_isPushed)
                CudaDriver.cuCtxPopCurrent_v2(out _);
        }
    }
}
