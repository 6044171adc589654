namespace Sophia.Native.Reference;

/// <summary>The constants of sampling.</summary>
/// <param name="Temperature">Divides the logits; 0 is greedy.</param>
/// <param name="TopK">Candidates; 0 for all.</param>
/// <param name="TopP">Share of the probability; 1 for all.</param>
/// <param name="MinP">Share of the largest probability; 0 for all.</param>
/// <param name="Seed">Key of the generator.</param>
public readonly record struct ReferenceSampling(double Temperature, int TopK, double TopP, double MinP, ulong Seed);
