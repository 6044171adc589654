namespace Sophia.Native.Pipeline.Captioning;

/// <summary>
/// What a captioner gets to know of a question: its images, and nothing else. There is no field that could carry the question, its options or its
/// answer, so that a caption is on-policy visual understanding and not an answer in disguise.
/// </summary>
public sealed record CaptionRequest
{
    /// <summary>Absolute paths of the images, in order.</summary>
    public required IReadOnlyList<string> Images { get; init; }

    /// <summary>Whether the images are the frames of a video.</summary>
    public bool AreFrames { get; init; }

    /// <summary>k of the first caption wanted.</summary>
    public required int FirstIndex { get; init; }

    /// <summary>How many captions are wanted: k = FirstIndex .. FirstIndex + Count - 1.</summary>
    public required int Count { get; init; }

    /// <summary>Seed of the round.</summary>
    public required uint Seed { get; init; }

    /// <summary>The number of the question in the store: with the seed and k it determines the random numbers of a caption, whatever the batch.</summary>
    public required int Sample { get; init; }
}
