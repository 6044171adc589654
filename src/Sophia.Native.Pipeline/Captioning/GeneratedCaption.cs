namespace Sophia.Native.Pipeline.Captioning;

/// <summary>A caption.</summary>
/// <param name="Text">The text.</param>
/// <param name="Truncated">Whether it stopped at a length limit.</param>
public readonly record struct GeneratedCaption(string Text, bool Truncated = false);
