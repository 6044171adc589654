namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>What a model does on held-out questions under one way of sampling.</summary>
/// <param name="Right">Whether each response is right.</param>
/// <param name="Claims">Statements about objects in the responses, right and wrong.</param>
/// <param name="MeanLength">Mean length of a response in tokens.</param>
/// <param name="Responses">The responses.</param>
internal sealed record QuickstartScore(bool[] Right, ClaimCounts Claims, double MeanLength, IReadOnlyList<string> Responses)
{
    /// <summary>Share of right answers with its standard error.</summary>
    public Estimate Accuracy => Estimate.OfShare(Right.Count(right => right), Right.Length);
}
