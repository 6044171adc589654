namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>A statement about an object, found in a text.</summary>
/// <param name="Object">What the text states.</param>
/// <param name="Start">First character of the statement: that of the cell's word.</param>
/// <param name="Length">Length of the statement in characters, up to the end of the shape's word.</param>
internal readonly record struct Claim(SceneObject Object, int Start, int Length);
