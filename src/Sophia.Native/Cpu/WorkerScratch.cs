using System.Runtime.InteropServices;

namespace Sophia.Native.Cpu;

/// <summary>Who a piece of a worker's scratch memory belongs to. Slots never overlap, so an operation may hold its own while it calls a matrix product.</summary>
internal enum ScratchSlot
{
    /// <summary>For the operation that a work item belongs to.</summary>
    Operation,

    /// <summary>A second piece for the same.</summary>
    OperationSecond,

    /// <summary>Reserved for <see cref="MatrixMultiply"/>: packed panels of one worker.</summary>
    MatrixPanels,

    /// <summary>Reserved for <see cref="MatrixMultiply"/>: panels packed by all workers for one product; lies with worker 0.</summary>
    MatrixShared,
}

/// <summary>Aligned native memory of one worker: grown on demand, kept between uses, never shrunk.</summary>
internal sealed unsafe class WorkerScratch : IDisposable
{
    private const int SlotCount = 4;
    private const nuint Alignment = 4096;
    private readonly nint[] _memory = new nint[SlotCount];
    private readonly nuint[] _bytes = new nuint[SlotCount];

    /// <summary>
    /// Memory for at least <paramref name="bytes"/> bytes, page-aligned, with undefined content. A larger request for the
    /// same slot invalidates the pointers given out before.
    /// </summary>
    public void* Get(ScratchSlot slot, nuint bytes)
    {
        int index = (int)slot;
        if (_bytes[index] < bytes)
            Grow(index, bytes);
        return (void*)_memory[index];
    }

    /// <summary>The same, counted in floats.</summary>
    public float* GetFloats(ScratchSlot slot, nint count) => (float*)Get(slot, (nuint)count * sizeof(float));

    public void Dispose()
    {
        for (int index = 0; index < SlotCount; index++)
            Free(index);
        GC.SuppressFinalize(this);
    }

    ~WorkerScratch() => Dispose();

    private void Grow(int index, nuint bytes)
    {
        Free(index);
        nuint rounded = (bytes + bytes / 4 + Alignment - 1) & ~(Alignment - 1);
        _memory[index] = (nint)NativeMemory.AlignedAlloc(rounded, Alignment);
        _bytes[index] = rounded;
    }

    private void Free(int index)
    {
        NativeMemory.AlignedFree((void*)_memory[index]);
        _memory[index] = 0;
        _bytes[index] = 0;
    }
}
