namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>A caption of the round that an arm trains on.</summary>
/// <param name="Scene">Number of the scene.</param>
/// <param name="CaptionIndex">k.</param>
/// <param name="Text">Its text.</param>
internal sealed record QuickstartCaption(int Scene, int CaptionIndex, string Text);
