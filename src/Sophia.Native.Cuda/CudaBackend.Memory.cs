using Sophia.Native.Cuda.Interop;
using Sophia.Native.Cuda.Launching;

namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    private readonly TransferStaging _staging = null!;
    private readonly bool _exactScratch;
    private readonly CudaBuffer?[] _scratchBuffers = new CudaBuffer?[Enum.GetValues<ScratchSlot>().Length];

    /// <inheritdoc/>
    public override DeviceBuffer Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        using var scope = Enter();
        var buffer = AllocateRaw(bytes);
        var result = CudaDriver.cuMemsetD8Async(buffer.Address, 0, (nuint)bytes, _stream);
        if (result != CudaResult.Success)
            buffer.Dispose();
        CudaError.Check(result, $"cuMemsetD8Async({bytes} bytes) after {LastLaunch}");
        return buffer;
    }

    /// <summary>Device memory of the host program as a buffer of this backend; disposing of the buffer leaves the memory alone.</summary>
    /// <param name="devicePointer">A CUdeviceptr of the backend's context.</param>
    /// <param name="bytes">Its size in bytes.</param>
    public DeviceBuffer Wrap(nint devicePointer, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfZero(devicePointer);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return new CudaBuffer(this, devicePointer, bytes, isOwned: false);
    }

    /// <summary>Device memory that is used only until the operation ends; it grows and is not cleared.</summary>
    /// <param name="slot">Which.</param>
    /// <param name="bytes">How many bytes are needed.</param>
    internal DeviceView Scratch(ScratchSlot slot, long bytes)
    {
        ref var buffer = ref _scratchBuffers[(int)slot];
        if (buffer is null || buffer.Bytes < bytes || (_exactScratch && buffer.Bytes != bytes))
        {
            using var scope = Enter();
            var grown = Math.Max(bytes, buffer is null ? 0 : buffer.Bytes + buffer.Bytes / 2);
            var size = _exactScratch ? bytes : (grown + Arena.Alignment - 1) / Arena.Alignment * Arena.Alignment;
            buffer?.Dispose();
            buffer = null;
            buffer = AllocateRaw(size);
        }
        return new(buffer, 0, 1, buffer.Bytes / sizeof(float), buffer.Bytes / sizeof(float), ElementType.Float32);
    }

    /// <summary>The device address of a view, 0 for an absent one.</summary>
    /// <exception cref="ArgumentException">Its memory is not this backend's.</exception>
    internal nint AddressOf(DeviceView view)
    {
        if (view.Buffer is null)
            return 0;
        if (view.Buffer is not CudaBuffer buffer || (buffer.Backend != this && buffer.Backend._context.Value != _context.Value))
            throw new ArgumentException($"A view {view} lies in memory that is not of {Description}.");
        ObjectDisposedException.ThrowIf(buffer.Address == 0, buffer);
        return view.Address;
    }

    internal void Free(CudaBuffer buffer, nint address)
    {
        lock (_buffers)
        {
            if (!_buffers.Remove(buffer))
                return;
        }
        if (!_context.TryEnter(out var scope))
            return;
        using (scope)
            CudaDriver.cuMemFree_v2(address);
    }

    /// <inheritdoc/>
    protected override void UploadCore(DeviceView destination, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty)
            return;
        using var scope = Enter();
        _staging.Upload(AddressOf(destination), source);
    }

    /// <inheritdoc/>
    protected override void DownloadCore(Span<byte> destination, DeviceView source)
    {
        if (destination.IsEmpty)
        {
            Synchronize();
            return;
        }
        using var scope = Enter();
        FetchFaults();
        _staging.Download(destination, AddressOf(source), LastLaunch);
        CheckFaults();
    }

    /// <summary>Memory as the driver gives it.</summary>
    private CudaBuffer AllocateRaw(long bytes)
    {
        var result = CudaDriver.cuMemAlloc_v2(out var address, (nuint)Math.Max(bytes, 1));
        if (result == CudaResult.OutOfMemory)
            throw OutOfMemory(bytes);
        CudaError.Check(result, $"cuMemAlloc({bytes} bytes) after {LastLaunch}");
        var buffer = new CudaBuffer(this, address, bytes, isOwned: true);
        lock (_buffers)
            _buffers.Add(buffer);
        return buffer;
    }

    private DeviceMemoryException OutOfMemory(long bytes)
    {
        CudaDriver.cuMemGetInfo_v2(out var free, out var total);
        long held = 0;
        lock (_buffers)
        {
            foreach (var buffer in _buffers)
                held += buffer.Bytes;
        }
        return new($"{Description}: {bytes:N0} bytes of device memory were asked for, {free:N0} of {total:N0} are free; this backend holds {held:N0} in {_buffers.Count} blocks.", bytes, (long)free);
    }
}
