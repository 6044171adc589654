namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>One row of the table: a model, how it was trained and how it answers unseen questions.</summary>
/// <param name="Name">Short name, such as <c>full</c>.</param>
/// <param name="Description">What is different about this arm, in a sentence.</param>
public sealed record ArmResult(string Name, string Description)
{
    /// <summary>Accuracy of sampled answers (temperature 1, top-p 0.8).</summary>
    public required Estimate Sampled { get; init; }

    /// <summary>Accuracy of greedy answers.</summary>
    public required Estimate Greedy { get; init; }

    /// <summary>Whether the sampled answer to each question is right; arms of one seed answer the same questions, so these may be compared question by question.</summary>
    public IReadOnlyList<bool> SampledRight { get; init; } = [];

    /// <summary>Whether the greedy answer to each question is right.</summary>
    public IReadOnlyList<bool> GreedyRight { get; init; } = [];

    /// <summary>Statements about the image in the sampled answers.</summary>
    public ClaimCounts SampledClaims { get; init; }

    /// <summary>Statements about the image in the greedy answers.</summary>
    public ClaimCounts GreedyClaims { get; init; }

    /// <summary>Mean length of the sampled answers in tokens.</summary>
    public double SampledLength { get; init; }

    /// <summary>Mean length of the greedy answers in tokens.</summary>
    public double GreedyLength { get; init; }

    /// <summary>Captions of unseen scenes after training.</summary>
    public CaptionScore Captions { get; init; }

    /// <summary>What the arm was trained on; null for the base.</summary>
    public SelectedData? Data { get; init; }

    /// <summary>What the update was made of; null for the base.</summary>
    public UpdateSummary? Update { get; init; }

    /// <summary>Minutes of training and evaluation.</summary>
    public double Minutes { get; init; }
}
