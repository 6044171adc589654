using System.Runtime.Intrinsics;

namespace Sophia.Native.Cpu;

/// <content>Attention; read <see cref="AttentionForward{TSimd, TVector}"/> first.</content>
public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void AttentionForwardCore(DeviceView output, DeviceView logSumExp, DeviceView query, DeviceView key, DeviceView value, in AttentionSequences sequences, int headSize, float scale)
    {
        AttentionLayout layout = AttentionLayout.Create(sequences, query, key, headSize, scale);
        if (_path == CpuPath.Avx512)
            AttentionForward<Simd512, Vector512<float>>.Run(_pool, layout, output, logSumExp, query, key, value);
        else
            AttentionForward<Simd256, Vector256<float>>.Run(_pool, layout, output, logSumExp, query, key, value);
    }

    /// <inheritdoc/>
    protected override void AttentionBackwardCore(DeviceView dQuery, DeviceView dKey, DeviceView dValue, DeviceView delta, DeviceView dOutput, DeviceView query, DeviceView key, DeviceView value,
        DeviceView output, DeviceView logSumExp, in AttentionSequences sequences, int headSize, float scale)
    {
        AttentionLayout layout = AttentionLayout.Create(sequences, query, key, headSize, scale);
        if (_path == CpuPath.Avx512)
            AttentionBackward<Simd512, Vector512<float>>.Run(_pool, layout, dQuery, dKey, dValue, delta, dOutput, query, key, value, output, logSumExp);
        else
            AttentionBackward<Simd256, Vector256<float>>.Run(_pool, layout, dQuery, dKey, dValue, delta, dOutput, query, key, value, output, logSumExp);
    }
}
