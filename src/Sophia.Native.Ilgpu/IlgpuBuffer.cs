using ILGPU.Runtime;

namespace Sophia.Native.Ilgpu;

/// <summary>Memory of an accelerator: allocated here and freed by <see cref="Dispose"/>, or the host program's, which is left alone.</summary>
internal sealed class IlgpuBuffer : DeviceBuffer
{
    private MemoryBuffer? _memory;

    internal IlgpuBuffer(IlgpuBackend backend, MemoryBuffer memory, long bytes) : base(bytes)
    {
        Backend = backend;
        _memory = memory;
    }

    /// <summary>The address, or 0 under OpenCL, whose memory objects have none.</summary>
    public override nint Address => _memory is null || _memory.AcceleratorType == AcceleratorType.OpenCL ? 0 : _memory.NativePtr;

    internal IlgpuBackend Backend { get; }

    internal MemoryBuffer Memory
    {
        get
        {
            ObjectDisposedException.ThrowIf(_memory is null, this);
            return _memory;
        }
    }

    public override void Dispose()
    {
        var memory = Interlocked.Exchange(ref _memory, null);
        if (memory is not null)
            Backend.Free(this, memory);
    }
}
