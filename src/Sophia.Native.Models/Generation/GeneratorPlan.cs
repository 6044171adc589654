namespace Sophia.Native.Models.Generation;

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
