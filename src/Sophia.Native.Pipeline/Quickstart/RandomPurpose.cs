namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>What a random stream is drawn for: one word of its address, so that streams of one seed and index never overlap.</summary>
internal enum RandomPurpose : uint
{
    Layout, Appearance, Noise, Question, Reasoner, ImageTask, DirectTask, TextTask, TextScene,
}
