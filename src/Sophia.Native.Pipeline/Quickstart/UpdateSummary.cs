namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>What an update of an arm was made of.</summary>
/// <param name="Sequences">Trajectories and captions seen, with repetition.</param>
/// <param name="Tokens">Their trained tokens.</param>
/// <param name="Epochs">How often each was seen, on average.</param>
/// <param name="Ratios">The importance ratios of the last step, replayed tokens among them; null under the ratio one.</param>
public sealed record UpdateSummary(int Sequences, long Tokens, double Epochs, RatioSpread? Ratios);
