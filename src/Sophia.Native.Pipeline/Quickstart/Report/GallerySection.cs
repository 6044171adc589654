namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>A part of the gallery.</summary>
/// <param name="Title">Its heading.</param>
/// <param name="Introduction">What the reader sees here, in a sentence or two.</param>
/// <param name="Items">The scenes.</param>
internal sealed record GallerySection(string Title, string Introduction, IReadOnlyList<GalleryItem> Items);
