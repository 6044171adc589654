namespace Sophia.Native.Pipeline.Reasoning;

/// <summary>An answer trajectory y_kn.</summary>
/// <param name="Text">The whole text, thinking included.</param>
/// <param name="Truncated">Whether it stopped at a length limit; such an answer is never right and never selected.</param>
public sealed record ReasoningAnswer(string Text, bool Truncated = false);
