using Sophia.Native.Cuda.Interop;

namespace Sophia.Native.Cuda;

/// <summary>Device memory: allocated here and freed by <see cref="Dispose"/>, or the host program's, which is left alone.</summary>
internal sealed class CudaBuffer : DeviceBuffer
{
    private nint _address;

    internal CudaBuffer(CudaBackend backend, nint address, long bytes, bool isOwned) : base(bytes)
    {
        Backend = backend;
        IsOwned = isOwned;
        _address = address;
    }

    public override nint Address => _address;

    internal CudaBackend Backend { get; }

    internal bool IsOwned { get; }

    public override void Dispose()
    {
        var address = Interlocked.Exchange(ref _address, 0);
        if (address != 0 && IsOwned)
            Backend.Free(this, address);
    }
}
