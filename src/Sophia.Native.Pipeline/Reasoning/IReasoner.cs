namespace Sophia.Native.Pipeline.Reasoning;

/// <summary>Answers a question from a caption alone: stage 2, the off-policy reasoning model.</summary>
public interface IReasoner
{
    /// <summary>How many requests may be under way at once; at least 1.</summary>
    int Concurrency { get; }

    /// <summary>Writes one answer.</summary>
    /// <exception cref="InvalidDataException">The reasoner cannot answer the request, and trying again would not help.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    Task<ReasoningAnswer> Reason(ReasoningRequest request, CancellationToken cancellation);
}
