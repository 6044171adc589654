namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void ResidualForwardCore(DeviceView output, DeviceView residual, DeviceView branch, DeviceView scale) =>
        throw new NotSupportedException("ResidualForward has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void ResidualBackwardCore(DeviceView dBranch, DeviceView dScale, DeviceView dOutput, DeviceView branch, DeviceView scale) =>
        throw new NotSupportedException("ResidualBackward has no CUDA kernel yet.");
}
