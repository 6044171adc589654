namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void CacheAppendCore(DeviceView keyCache, DeviceView valueCache, DeviceView key, DeviceView value, DeviceView rows) =>
        throw new NotSupportedException("CacheAppend has no CUDA kernel yet.");
}
