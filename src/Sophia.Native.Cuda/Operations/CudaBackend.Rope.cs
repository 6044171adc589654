namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void RopeCore(DeviceView values, DeviceView table, DeviceView positions, int headSize, bool inverse) =>
        throw new NotSupportedException("Rope has no CUDA kernel yet.");
}
