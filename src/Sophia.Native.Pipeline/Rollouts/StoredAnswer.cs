namespace Sophia.Native.Pipeline.Rollouts;

/// <summary>An answer y_kn in a store.</summary>
/// <param name="Question">Index of the question in the store, from 0.</param>
/// <param name="CaptionIndex">k, from 0.</param>
/// <param name="AnswerIndex">n, from 0.</param>
/// <param name="Text">The answer, thinking included.</param>
/// <param name="Truncated">Whether it stopped at a length limit.</param>
public sealed record StoredAnswer(int Question, int CaptionIndex, int AnswerIndex, string Text, bool Truncated = false);
