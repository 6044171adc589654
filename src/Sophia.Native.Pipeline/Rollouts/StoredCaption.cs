namespace Sophia.Native.Pipeline.Rollouts;

/// <summary>A caption c_k in a store.</summary>
/// <param name="Question">Index of the question in the store, from 0.</param>
/// <param name="CaptionIndex">k, from 0.</param>
/// <param name="Text">The caption.</param>
/// <param name="Truncated">Whether it stopped at a length limit.</param>
public sealed record StoredCaption(int Question, int CaptionIndex, string Text, bool Truncated = false);
