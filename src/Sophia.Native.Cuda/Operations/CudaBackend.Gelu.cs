namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void GeluForwardCore(DeviceView output, DeviceView input) =>
        throw new NotSupportedException("GeluForward has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void GeluBackwardCore(DeviceView dInput, DeviceView dOutput, DeviceView input) =>
        throw new NotSupportedException("GeluBackward has no CUDA kernel yet.");
}
