namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>What the head and the sampler know of a row of logits z: the maximum, the sum of exp(z - maximum), and that sum weighted by z - maximum.</summary>
internal readonly struct LogitStatistics(float maximum, float sum, float weightedSum)
{
    public readonly float Maximum = maximum;
    public readonly float Sum = sum;
    private readonly float _weightedSum = weightedSum;
    private readonly float _logSum = ScalarMath.Log(sum);

    /// <summary>logsumexp(z) - sum softmax(z) * z, in nats.</summary>
    public float Entropy => _logSum - _weightedSum / Sum;

    /// <summary>z - logsumexp(z) of one column.</summary>
    public float LogProbability(float logit) => logit - Maximum - _logSum;
}
