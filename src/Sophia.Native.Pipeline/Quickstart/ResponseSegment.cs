namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>A piece of a response. Pieces begin where the pre-splitter cuts, so they may be tokenized one by one.</summary>
/// <param name="Text">The text, with the space in front of it where it has one.</param>
/// <param name="IsTrained">Whether its tokens count in the loss; others are only read.</param>
internal readonly record struct ResponseSegment(string Text, bool IsTrained);
