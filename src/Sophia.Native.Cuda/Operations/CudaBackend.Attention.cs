namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void AttentionForwardCore(DeviceView output, DeviceView logSumExp, DeviceView query, DeviceView key, DeviceView value, in AttentionSequences sequences, int headSize, float scale) =>
        throw new NotSupportedException("AttentionForward has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void AttentionBackwardCore(DeviceView dQuery, DeviceView dKey, DeviceView dValue, DeviceView delta, DeviceView dOutput, DeviceView query, DeviceView key, DeviceView value,
        DeviceView output, DeviceView logSumExp, in AttentionSequences sequences, int headSize, float scale) =>
        throw new NotSupportedException("AttentionBackward has no CUDA kernel yet.");
}
