namespace Sophia.Native.Models.Generation;

/// <summary>How prompts are continued.</summary>
public sealed record GenerationOptions
{
    /// <summary>How tokens are drawn.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>The most tokens to generate for a prompt.</summary>
    public int MaximumNewTokens { get; init; } = 1024;

    /// <summary>Tokens that end a continuation; they are part of the output.</summary>
    public IReadOnlyList<int> StopIds { get; init; } = [];
}
