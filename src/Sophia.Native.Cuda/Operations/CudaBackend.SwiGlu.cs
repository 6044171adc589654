namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void SwiGluForwardCore(DeviceView output, DeviceView gateUp) =>
        throw new NotSupportedException("SwiGluForward has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void SwiGluBackwardCore(DeviceView dGateUp, DeviceView dOutput, DeviceView gateUp) =>
        throw new NotSupportedException("SwiGluBackward has no CUDA kernel yet.");
}
