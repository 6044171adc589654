using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

public sealed partial class IlgpuBackend
{
    private readonly IlgpuBuffer?[] _scratch = new IlgpuBuffer?[Enum.GetValues<ScratchSlot>().Length];

    /// <summary>Memory that stands for absent arguments: a kernel's view must be of something.</summary>
    private readonly DeviceBuffer _absent;

    /// <inheritdoc/>
    public override DeviceBuffer Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Enter();
        MemoryBuffer memory;
        try
        {
            memory = _accelerator.AllocateRaw(Math.Max(bytes, 1), 1);
        }
        catch (Exception refusal) when (refusal is AcceleratorException or OutOfMemoryException)
        {
            throw OutOfMemory(bytes, refusal);
        }
        memory.MemSet(_stream, 0, 0, memory.LengthInBytes);
        var buffer = new IlgpuBuffer(this, memory, bytes);
        lock (_buffers)
            _buffers.Add(buffer);
        return buffer;
    }

    /// <summary>Memory of the host program as a buffer of this backend; disposing of the buffer leaves the memory alone.</summary>
    /// <param name="handle">A CUdeviceptr, a host address on the CPU accelerator, or a cl_mem under OpenCL.</param>
    /// <param name="bytes">Its size in bytes.</param>
    public DeviceBuffer Wrap(nint handle, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfZero(handle);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        Enter();
        return new IlgpuBuffer(this, new ForeignMemory(_accelerator, handle, bytes), bytes);
    }

    /// <summary>A view as a kernel takes it; for an absent one memory that must not be touched.</summary>
    internal Matrix<TStored> Of<TStored>(DeviceView view)
        where TStored : unmanaged, IStored<TStored> => new(Elements<TStored>(view), view.Stride);

    /// <summary>The elements of a view from the first to the last, gaps between rows included.</summary>
    /// <exception cref="ArgumentException">Its memory is not this backend's.</exception>
    internal ArrayView<T> Elements<T>(DeviceView view)
        where T : unmanaged
    {
        var source = view.Buffer ?? _absent;
        if (source is not IlgpuBuffer buffer || buffer.Backend._accelerator != _accelerator)
            throw new ArgumentException($"A view {view} lies in memory that is not of {Description}.");
        var size = view.Buffer is null ? Interop.SizeOf<T>() : view.Type.Size();
        var elements = view.Rows == 0 || view.Columns == 0 || view.Buffer is null ? 0 : (view.Rows - 1) * view.Stride + view.Columns;
        return elements == 0 ? ((IlgpuBuffer)_absent).Memory.AsRawArrayView(0, size).Cast<T>() : buffer.Memory.AsRawArrayView(view.ByteOffset, elements * size).Cast<T>();
    }

    /// <summary>Memory that is used only until the operation ends; it grows and is not cleared.</summary>
    /// <param name="slot">Which.</param>
    /// <param name="elements">How many elements of four bytes are needed.</param>
    /// <param name="type">Their type.</param>
    internal DeviceView Scratch(ScratchSlot slot, long elements, ElementType type = ElementType.Float32)
    {
        ref var buffer = ref _scratch[(int)slot];
        var bytes = elements * type.Size();
        if (buffer is null || buffer.Bytes < bytes)
        {
            var grown = Math.Max(bytes, buffer is null ? 0 : buffer.Bytes + buffer.Bytes / 2);
            if (buffer is not null)
            {
                _stream.Synchronize();
                buffer.Dispose();
            }
            buffer = null;
            buffer = (IlgpuBuffer)Allocate((grown + Arena.Alignment - 1) / Arena.Alignment * Arena.Alignment);
        }
        return new(buffer, 0, 1, elements, elements, type);
    }

    internal void Free(IlgpuBuffer buffer, MemoryBuffer memory)
    {
        lock (_buffers)
            _buffers.Remove(buffer);
        if (_isDisposed)
            return;
        _accelerator.Bind();
        _stream.Synchronize();
        memory.Dispose();
    }

    /// <inheritdoc/>
    protected override void UploadCore(DeviceView destination, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty)
            return;
        Enter();
        Bytes(destination, source.Length).CopyFromCPU(_stream, source);
        _stream.Synchronize();
    }

    /// <inheritdoc/>
    protected override void DownloadCore(Span<byte> destination, DeviceView source)
    {
        Enter();
        if (!destination.IsEmpty)
            Bytes(source, destination.Length).CopyToCPU(_stream, destination);
        _stream.Synchronize();
        CheckFaults();
    }

    private ArrayView<byte> Bytes(DeviceView view, long length)
    {
        if (view.Buffer is not IlgpuBuffer buffer || buffer.Backend._accelerator != _accelerator)
            throw new ArgumentException($"A view {view} lies in memory that is not of {Description}.");
        return buffer.Memory.AsRawArrayView(view.ByteOffset, length);
    }

    private DeviceMemoryException OutOfMemory(long bytes, Exception refusal)
    {
        var free = _accelerator switch
        {
            CudaAccelerator cuda => cuda.GetFreeMemory(),
            CPUAccelerator => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            _ => _accelerator.MemorySize,
        };
        long held = 0;
        int blocks;
        lock (_buffers)
        {
            blocks = _buffers.Count;
            foreach (var buffer in _buffers)
                held += buffer.Bytes;
        }
        return new($"{Description}: {bytes:N0} bytes of device memory were asked for, {free:N0} are free; this backend holds {held:N0} in {blocks} blocks.", bytes, free, refusal);
    }
}
