namespace Sophia.Native.Conformance.Golden;

/// <summary>How far a model may be from values made in fp32 by transformers.</summary>
internal sealed record GoldenTolerances
{
    /// <summary>Activations and logits of a sample, relative L2.</summary>
    public required double LogitsRelative { get; init; }

    /// <summary>Logits, largest difference.</summary>
    public required double LogitsAbsolute { get; init; }

    /// <summary>Log-probabilities and entropies, largest difference.</summary>
    public required double LogProbabilityAbsolute { get; init; }

    /// <summary>The loss of a sample.</summary>
    public required double LossAbsolute { get; init; }

    /// <summary>The gradient of a tensor, relative L2.</summary>
    public required double GradientRelative { get; init; }

    /// <summary>An element of a gradient that is exactly zero.</summary>
    public required double ZeroGradient { get; init; }

    /// <summary>The loss before and after steps of AdamW.</summary>
    public required double AdamWLossRelative { get; init; }

    /// <summary>The gradient norm of a step of AdamW.</summary>
    public required double AdamWNormRelative { get; init; }

    /// <summary>What three steps of AdamW moved a tensor by, relative L2.</summary>
    public required double AdamWMoveRelative { get; init; }

    /// <summary>What three steps of AdamW moved an element by.</summary>
    public required double AdamWMoveAbsolute { get; init; }

    /// <summary>The share of a greedy continuation's first tokens that must be the reference's.</summary>
    public required double GreedyShare { get; init; }

    /// <summary>How many of the first tokens of a continuation must be the reference's.</summary>
    public int GreedyTokens(int length) => (int)(GreedyShare * length);

    /// <summary>
    /// What three steps of AdamW moved a named tensor by. A softmax ignores what a key bias adds to all scores of a query, but for rotary positions, so that little is left of its gradient; in BFloat16 most elements
    /// of that are rounding, and AdamW moves them by whole steps either way (0.98 was measured).
    /// </summary>
    public double MoveRelative(string tensor) => this == Brain && tensor.EndsWith("k_proj.bias", StringComparison.Ordinal) ? double.PositiveInfinity : AdamWMoveRelative;

    public static GoldenTolerances Of(ElementType storage) => storage == ElementType.Float32 ? Single : Brain;

    /// <summary>
    /// Several times what transformers' own fp32 run differs from its fp64 run: logits 9e-7 relative, log-probabilities 7e-6, losses 7e-7, gradients 2.6e-6 relative, AdamW's moves 3e-3 relative.
    /// </summary>
    private static readonly GoldenTolerances Single = new()
    {
        LogitsRelative = 5e-6, LogitsAbsolute = 5e-5, LogProbabilityAbsolute = 4e-5, LossAbsolute = 5e-6, GradientRelative = 2e-5, ZeroGradient = 1e-4,
        AdamWLossRelative = 1e-4, AdamWNormRelative = 1e-4, AdamWMoveRelative = 1e-2, AdamWMoveAbsolute = 1e-3, GreedyShare = 1.0,
    };

    /// <summary>
    /// About three times what was measured over the three models, with BFloat16 stored and fp32 computed on the CPU and with the CUDA kernels on the emulator, which agree: activations and logits 7.5e-3 relative
    /// and 0.09, log-probabilities 0.052, losses 7e-3, gradients 2.3e-2, zero gradients 2e-5; AdamW's losses 1.3e-2, norms 6e-3, moves 0.17 (a step has the size of the learning rate whatever the gradient's, so
    /// that small gradients move by their rounding). transformers' own run in bf16 is off by 8.5e-3 in logits and 0.05 in log-probabilities. All continuations were the reference's; its two best tokens come
    /// as near as 0.011.
    /// </summary>
    private static readonly GoldenTolerances Brain = new()
    {
        LogitsRelative = 2e-2, LogitsAbsolute = 0.25, LogProbabilityAbsolute = 0.15, LossAbsolute = 2e-2, GradientRelative = 6e-2, ZeroGradient = 1e-3,
        AdamWLossRelative = 4e-2, AdamWNormRelative = 2e-2, AdamWMoveRelative = 0.5, AdamWMoveAbsolute = 6.5e-3, GreedyShare = 0.25,
    };
}
