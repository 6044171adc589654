namespace Sophia.Native.Training;

/// <summary>What a step reports.</summary>
/// <param name="Loss">The optimized value before the step.</param>
/// <param name="GradientNorm">The norm before clipping.</param>
/// <param name="IsFinite">Whether loss and gradients are finite; if not, no parameter was changed.</param>
public readonly record struct StepReport(double Loss, double GradientNorm, bool IsFinite);
