namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void LinearForwardCore(DeviceView output, DeviceView input, DeviceView weight, DeviceView bias) =>
        throw new NotSupportedException("LinearForward has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void LinearBackwardInputCore(DeviceView dInput, DeviceView dOutput, DeviceView weight, bool accumulate) =>
        throw new NotSupportedException("LinearBackwardInput has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void LinearBackwardWeightCore(DeviceView dWeight, DeviceView dOutput, DeviceView input) =>
        throw new NotSupportedException("LinearBackwardWeight has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void LinearBackwardBiasCore(DeviceView dBias, DeviceView dOutput) =>
        throw new NotSupportedException("LinearBackwardBias has no CUDA kernel yet.");
}
