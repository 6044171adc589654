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
