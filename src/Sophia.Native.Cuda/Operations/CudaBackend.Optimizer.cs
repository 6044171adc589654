namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void GradientNormCore(DeviceView state, DeviceView gradients, float maximumNorm) =>
        throw new NotSupportedException("GradientNorm has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void AdamWCore(DeviceView parameters, DeviceView firstMoments, DeviceView secondMoments, DeviceView gradients, DeviceView gradientState, in AdamWStep step, DeviceView workingCopy) =>
        throw new NotSupportedException("AdamW has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void FillCore(DeviceView view, float value) =>
        throw new NotSupportedException("Fill has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void CopyCore(DeviceView destination, DeviceView source) =>
        throw new NotSupportedException("Copy has no CUDA kernel yet.");
}
