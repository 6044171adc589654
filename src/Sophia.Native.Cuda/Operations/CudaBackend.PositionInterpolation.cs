namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void PositionInterpolationForwardCore(DeviceView output, DeviceView positions, int gridHeight, int gridWidth) =>
        throw new NotSupportedException("PositionInterpolationForward has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void PositionInterpolationBackwardCore(DeviceView dPositions, DeviceView dOutput, int gridHeight, int gridWidth) =>
        throw new NotSupportedException("PositionInterpolationBackward has no CUDA kernel yet.");
}
