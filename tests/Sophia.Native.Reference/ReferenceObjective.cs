namespace Sophia.Native.Reference;

/// <summary>The constants of the objective.</summary>
/// <param name="Ratio">Which importance ratio.</param>
/// <param name="ClipLow">Its lower bound.</param>
/// <param name="ClipHigh">Its upper bound.</param>
/// <param name="Divergence">Which divergence.</param>
/// <param name="DivergenceCoefficient">Its coefficient.</param>
public readonly record struct ReferenceObjective(ReferenceRatio Ratio, double ClipLow, double ClipHigh, ReferenceDivergence Divergence, double DivergenceCoefficient);
