namespace Sophia.Native.Pipeline.Reasoning;

/// <summary>One answer wanted from the reasoner: the question and the caption that stands for its images. The gold answer is not part of it.</summary>
public sealed record ReasoningRequest
{
    /// <summary>Id of the question.</summary>
    public required string Id { get; init; }

    /// <summary>The caption c_k.</summary>
    public required string Caption { get; init; }

    /// <summary>The question.</summary>
    public required string Question { get; init; }

    /// <summary>The options of a multiple-choice question.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>k, from 0.</summary>
    public required int CaptionIndex { get; init; }

    /// <summary>n, from 0.</summary>
    public required int AnswerIndex { get; init; }

    /// <summary>N, the answers wanted of every caption.</summary>
    public required int AnswersPerCaption { get; init; }

    /// <summary>A seed of this answer alone.</summary>
    public required uint Seed { get; init; }

    /// <summary>The whole text for a reasoner that takes a prompt.</summary>
    public string Prompt => Prompts.Reasoning(Caption, Question, Options);
}
