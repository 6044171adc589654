namespace Sophia.Native.Models.Generation;

/// <summary>A prompt to be continued.</summary>
public sealed record GenerationRequest
{
    /// <summary>Name of the record, for messages.</summary>
    public required string Id { get; init; }

    /// <summary>[T] token ids of the prompt, T at least 1.</summary>
    public required int[] PromptIds { get; init; }

    /// <summary>[I * 3 * side * side] normalized pixels, or null. Requests that share the array have their image encoded once where they are prefilled together.</summary>
    public float[]? PixelValues { get; init; }

    /// <summary>I, number of tiles.</summary>
    public int TileCount { get; init; }

    /// <summary>The sample's number in the random numbers: equal logits and equal numbers give equal tokens.</summary>
    public int SampleNumber { get; init; }
}

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

/// <summary>Why a continuation ended.</summary>
public enum FinishReason
{
    /// <summary>A stop token was drawn.</summary>
    Stop,

    /// <summary>The limit of new tokens, or of positions, was reached.</summary>
    Length,
}

/// <summary>A continuation.</summary>
/// <param name="OutputIds">The drawn tokens, the stop token included.</param>
/// <param name="LogProbabilities">Of each drawn token, before truncation of the distribution.</param>
/// <param name="FinishReason">Why it ended.</param>
public sealed record GenerationResult(int[] OutputIds, float[] LogProbabilities, FinishReason FinishReason);

/// <summary>Sizes that a generator is planned for.</summary>
public sealed record GeneratorPlan
{
    /// <summary>Sequences that are decoded at once.</summary>
    public required int Slots { get; init; }

    /// <summary>Tokens of a slot: the longest prompt and its continuation.</summary>
    public required int Capacity { get; init; }

    /// <summary>Tokens that are prefilled at once; at least the longest prompt.</summary>
    public required int PrefillTokens { get; init; }

    /// <summary>Tiles that are encoded at once; at least those of one prompt.</summary>
    public required int PrefillTiles { get; init; }

    /// <summary>A plan that fits these requests.</summary>
    /// <param name="requests">The prompts.</param>
    /// <param name="maximumNewTokens">The most tokens to generate for each.</param>
    /// <param name="slots">Sequences at once, at most.</param>
    /// <param name="prefillTokens">Tokens prefilled at once, at least.</param>
    public static GeneratorPlan For(IReadOnlyList<GenerationRequest> requests, int maximumNewTokens, int slots = 64, int prefillTokens = 2048)
    {
        var (longest, tiles) = (1, 0);
        foreach (var request in requests)
        {
            longest = Math.Max(longest, request.PromptIds.Length);
            tiles = Math.Max(tiles, request.TileCount);
        }
        var prefill = Math.Max(prefillTokens, longest);
        return new()
        {
            Slots = Math.Max(1, Math.Min(slots, requests.Count)),
            Capacity = longest + maximumNewTokens,
            PrefillTokens = prefill,
            PrefillTiles = tiles * Math.Max(1, Math.Min(prefill / longest, requests.Count)),
        };
    }
}
