using System.Runtime.Intrinsics;

namespace Sophia.Native.Cpu;

/// <content>Attention; read <see cref="AttentionForward{TSimd, TVector}"/> first.</content>
public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void AttentionForwardCore(DeviceView output, DeviceView logSumExp, DeviceView query, DeviceView key, DeviceView value, in AttentionSequences sequences, int headSize, float scale)
    {
        AttentionLayout layout = AttentionLayout.Create(sequences, query, key, headSize, scale);
        var (o, q) = (Stage(output), Widen(query));
        // Keys and values may be a cache that is much larger than what is seen of it: they are widened block by block.
        if (_path == CpuPath.Avx512)
            AttentionForward<Simd512, Vector512<float>>.Run(_pool, layout, o, logSumExp, q, key, value);
        else
            AttentionForward<Simd256, Vector256<float>>.Run(_pool, layout, o, logSumExp, q, key, value);
        Settle(output, o);
    }

    /// <inheritdoc/>
    protected override void AttentionBackwardCore(DeviceView dQuery, DeviceView dKey, DeviceView dValue, DeviceView delta, DeviceView dOutput, DeviceView query, DeviceView key, DeviceView value,
        DeviceView output, DeviceView logSumExp, in AttentionSequences sequences, int headSize, float scale)
    {
        AttentionLayout layout = AttentionLayout.Create(sequences, query, key, headSize, scale);
        // Rows of keys and values that belong to no sequence keep their gradients: what lies there goes through unchanged.
        var (dq, dk, dv) = (Stage(dQuery), Widen(dKey), Widen(dValue));
        var (@do, q, k, v, o) = (Widen(dOutput), Widen(query), Widen(key), Widen(value), Widen(output));
        if (_path == CpuPath.Avx512)
            AttentionBackward<Simd512, Vector512<float>>.Run(_pool, layout, dq, dk, dv, delta, @do, q, k, v, o, logSumExp);
        else
            AttentionBackward<Simd256, Vector256<float>>.Run(_pool, layout, dq, dk, dv, delta, @do, q, k, v, o, logSumExp);
        Settle(dQuery, dq);
        Settle(dKey, dk);
        Settle(dValue, dv);
    }
}
