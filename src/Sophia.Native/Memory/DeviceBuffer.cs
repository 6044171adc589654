namespace Sophia.Native;

/// <summary>A block of device memory with an explicit lifetime. Never freed by a finalizer.</summary>
public abstract class DeviceBuffer : IDisposable
{
    /// <summary>Creates the description of a block.</summary>
    /// <param name="bytes">Its size in bytes.</param>
    protected DeviceBuffer(long bytes) => Bytes = bytes;

    /// <summary>The size in bytes.</summary>
    public long Bytes { get; }

    /// <summary>The device address of the first byte (a host pointer on the CPU, a CUdeviceptr on CUDA), or 0 where the device has no addresses.</summary>
    public abstract nint Address { get; }

    /// <summary>A view of the whole block as one vector.</summary>
    /// <param name="type">The element type.</param>
    public DeviceView AsView(ElementType type = ElementType.Float32) => new(this, 0, 1, Bytes / type.Size(), Bytes / type.Size(), type);

    /// <summary>Frees the memory.</summary>
    public abstract void Dispose();
}
