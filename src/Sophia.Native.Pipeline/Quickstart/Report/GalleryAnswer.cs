namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>An answer of the gallery.</summary>
/// <param name="Source">Whose it is: the selected trajectory, or an arm.</param>
/// <param name="Text">The whole response.</param>
/// <param name="IsRight">Whether its answer is the gold answer.</param>
internal sealed record GalleryAnswer(string Source, string Text, bool IsRight);
