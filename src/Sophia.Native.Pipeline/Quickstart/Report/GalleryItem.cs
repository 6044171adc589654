namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>One scene of the gallery with a question, and what the loop made of it.</summary>
/// <param name="Scene">The scene; its picture is drawn into the page.</param>
/// <param name="Question">The question.</param>
/// <param name="Gold">The gold answer.</param>
/// <param name="Captions">The captions in order; empty where the item is about answers alone.</param>
/// <param name="Answers">The selected trajectory, or answers of arms; may be empty.</param>
internal sealed record GalleryItem(Scene Scene, string Question, string Gold, IReadOnlyList<GalleryCaption> Captions, IReadOnlyList<GalleryAnswer> Answers);
