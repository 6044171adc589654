namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void RmsNormForwardCore(DeviceView output, DeviceView inverseRms, DeviceView input, DeviceView weight, float epsilon) =>
        throw new NotSupportedException("RmsNormForward has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void RmsNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView inverseRms, bool accumulate) =>
        throw new NotSupportedException("RmsNormBackward has no CUDA kernel yet.");
}
