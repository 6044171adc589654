namespace Sophia.Native.Objectives;

/// <summary>What one trained token contributes: the loss before its normalizer, the derivative by its log-probability, and the ratio before clipping.</summary>
/// <param name="Loss">The loss.</param>
/// <param name="Derivative">d loss / d log-probability.</param>
/// <param name="Ratio">The importance ratio before clipping.</param>
public readonly record struct TokenTerm(float Loss, float Derivative, float Ratio);
