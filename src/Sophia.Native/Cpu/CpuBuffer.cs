using System.Runtime.InteropServices;

namespace Sophia.Native.Cpu;

/// <summary>Host memory, aligned to a cache line.</summary>
internal sealed unsafe class CpuBuffer : DeviceBuffer
{
    private void* _memory;

    public CpuBuffer(long bytes) : base(bytes)
    {
        _memory = NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), Arena.Alignment);
        NativeMemory.Clear(_memory, (nuint)bytes);
    }

    public override nint Address => (nint)_memory;

    public override void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }
}
