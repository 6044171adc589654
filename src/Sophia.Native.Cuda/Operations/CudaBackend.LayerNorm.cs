namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void LayerNormForwardCore(DeviceView output, DeviceView mean, DeviceView inverseDeviation, DeviceView input, DeviceView weight, DeviceView bias, float epsilon) =>
        throw new NotSupportedException("LayerNormForward has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void LayerNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dBias, DeviceView dOutput, DeviceView input, DeviceView weight,
        DeviceView mean, DeviceView inverseDeviation, bool accumulate) =>
        throw new NotSupportedException("LayerNormBackward has no CUDA kernel yet.");
}
