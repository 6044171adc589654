namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void PatchExtractCore(DeviceView patches, DeviceView pixels, int height, int width, int patchSize) =>
        throw new NotSupportedException("PatchExtract has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void VisionTokensForwardCore(DeviceView output, DeviceView patches, DeviceView classToken, DeviceView positions) =>
        throw new NotSupportedException("VisionTokensForward has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void VisionTokensBackwardCore(DeviceView dPatches, DeviceView dClassToken, DeviceView dPositions, DeviceView dOutput, int patchCount) =>
        throw new NotSupportedException("VisionTokensBackward has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void PixelShuffleForwardCore(DeviceView output, DeviceView input, int gridHeight, int gridWidth) =>
        throw new NotSupportedException("PixelShuffleForward has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void PixelShuffleBackwardCore(DeviceView dInput, DeviceView dOutput, int gridHeight, int gridWidth) =>
        throw new NotSupportedException("PixelShuffleBackward has no CUDA kernel yet.");
}
