namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>A probe of the warm-up.</summary>
/// <param name="Step">After this step.</param>
/// <param name="Loss">Loss of that step.</param>
/// <param name="Captions">Share of objects that sampled captions name right; null between probes.</param>
/// <param name="TextAccuracy">Share of text-only questions answered right; null between probes.</param>
internal readonly record struct WarmUpPoint(int Step, double Loss, double? Captions, double? TextAccuracy);
