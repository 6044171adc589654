namespace Sophia.Native.Models.Generation;

/// <summary>A continuation.</summary>
/// <param name="OutputIds">The drawn tokens, the stop token included.</param>
/// <param name="LogProbabilities">Of each drawn token, before truncation of the distribution and without a repetition penalty.</param>
/// <param name="FinishReason">Why it ended.</param>
public sealed record GenerationResult(int[] OutputIds, float[] LogProbabilities, FinishReason FinishReason);
