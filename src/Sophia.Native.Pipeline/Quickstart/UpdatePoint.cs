namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>A step of an update.</summary>
/// <param name="Step">The step.</param>
/// <param name="Loss">Its loss.</param>
/// <param name="Ratios">The importance ratios of its tokens; null under the ratio one.</param>
internal readonly record struct UpdatePoint(int Step, double Loss, RatioSpread? Ratios);
