namespace Sophia.Native;

/// <summary>How tokens are drawn.</summary>
public readonly record struct SamplingOptions
{
    /// <summary>Temperature 1, nothing truncated.</summary>
    public SamplingOptions()
    {
    }

    /// <summary>Divides the logits; 0 is greedy (and log-probabilities are then those at temperature 1).</summary>
    public float Temperature { get; init; } = 1f;

    /// <summary>Only the k most probable tokens, ties to the lowest id; 0 for all.</summary>
    public int TopK { get; init; }

    /// <summary>Only the most probable tokens until their sum reaches this share of what top-k left; 1 for all.</summary>
    public float TopP { get; init; } = 1f;

    /// <summary>Only tokens at least this share as probable as the most probable one; 0 for all.</summary>
    public float MinP { get; init; }

    /// <summary>The Philox key.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether top-k, top-p or min-p take tokens away, so that the recorded log-probability is not that of the sampling distribution.</summary>
    public bool IsTruncated => Temperature > 0 && (TopK > 0 || TopP < 1f || MinP > 0);
}
