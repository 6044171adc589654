using Sophia.Native.Models.Generation;

namespace Sophia.Native.Pipeline.Evaluation;

/// <summary>One answer of the policy and its verdict.</summary>
/// <param name="Question">Index of the question.</param>
/// <param name="Sample">Number of the answer among those to the question, from 0.</param>
/// <param name="Text">The whole answer.</param>
/// <param name="IsRight">Whether the verifier accepts it; a truncated answer is never right.</param>
/// <param name="FinishReason">Why it ended.</param>
public readonly record struct EvaluatedAnswer(int Question, int Sample, string Text, bool IsRight, FinishReason FinishReason);
