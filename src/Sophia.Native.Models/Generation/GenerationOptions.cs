namespace Sophia.Native.Models.Generation;

/// <summary>How prompts are continued.</summary>
public sealed record GenerationOptions
{
    /// <summary>How tokens are drawn.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>
    /// Divides the positive and multiplies the other logits of tokens that prompt or continuation hold already, as in transformers; 1 for none, above 1 to discourage repetition. The recorded
    /// log-probabilities stay those of the policy without it, which training needs.
    /// </summary>
    public float RepetitionPenalty { get; init; } = 1f;

    /// <summary>Whether tokens are drawn from another distribution than that of the recorded log-probabilities: a truncated or a penalized one.</summary>
    public bool IsTruncated => Sampling.IsTruncated || (Sampling.Temperature > 0 && RepetitionPenalty != 1f);

    /// <summary>The most tokens to generate for a prompt.</summary>
    public int MaximumNewTokens { get; init; } = 1024;

    /// <summary>Tokens that end a continuation; they are part of the output.</summary>
    public IReadOnlyList<int> StopIds { get; init; } = [];
}
