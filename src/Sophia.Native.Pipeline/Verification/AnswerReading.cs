namespace Sophia.Native.Pipeline.Verification;

/// <summary>What a response says its answer is, and the parts of that in which the answer may stand when the whole says more than the answer.</summary>
/// <param name="Whole">The contents of a box, or a line.</param>
internal readonly record struct AnswerReading(string Whole)
{
    /// <summary>The first of several sentences.</summary>
    public string? Sentence { get; init; }

    /// <summary>The letter of an option that the answer begins with.</summary>
    public string? Letter { get; init; }

    /// <summary>A formula between dollar signs.</summary>
    public string? Formula { get; init; }

    /// <summary>The number at the end.</summary>
    public string? Number { get; init; }
}
