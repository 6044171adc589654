namespace Sophia.Native.Pipeline.Captioning;

/// <summary>Writes captions of images: stage 1, the policy under <see cref="Prompts.CaptionInstruction"/>.</summary>
public interface ICaptioner
{
    /// <summary>How many requests one call should get, for filling a batch.</summary>
    int PreferredRequests { get; }

    /// <summary>Answers every request with its captions in order of k.</summary>
    /// <param name="requests">The images and how many captions of each.</param>
    /// <param name="cancellation">Stops the work; captions of the call are then lost.</param>
    /// <returns>One list for each request, of <see cref="CaptionRequest.Count"/> captions.</returns>
    Task<IReadOnlyList<IReadOnlyList<GeneratedCaption>>> Caption(IReadOnlyList<CaptionRequest> requests, CancellationToken cancellation);
}
