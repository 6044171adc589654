namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void EmbeddingForwardCore(DeviceView output, DeviceView table, DeviceView ids, DeviceView visual, DeviceView visualRows) =>
        throw new NotSupportedException("EmbeddingForward has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void EmbeddingBackwardCore(DeviceView dTable, DeviceView dVisual, DeviceView dOutput, DeviceView ids, DeviceView visualRows) =>
        throw new NotSupportedException("EmbeddingBackward has no CUDA kernel yet.");
}
