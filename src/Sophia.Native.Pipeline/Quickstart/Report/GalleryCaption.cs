namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>A caption of the gallery with what became of it.</summary>
/// <param name="Text">The caption.</param>
/// <param name="Reward">Share of right answers among those reasoned from it.</param>
/// <param name="Passes">Whether the reward passes the gate.</param>
/// <param name="IsSelected">Whether the selected trajectory was reasoned from it.</param>
internal sealed record GalleryCaption(string Text, double Reward, bool Passes, bool IsSelected);
