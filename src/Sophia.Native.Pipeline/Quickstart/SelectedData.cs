namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>What an arm was trained on.</summary>
/// <param name="Pairs">Pairs of image and question with a selected trajectory.</param>
/// <param name="Captions">The captions behind them against their scenes.</param>
/// <param name="Claims">The statements of these captions against their scenes.</param>
/// <param name="MeanLength">Mean length of the selected responses in tokens of the policy.</param>
public sealed record SelectedData(int Pairs, CaptionScore Captions, ClaimCounts Claims, double MeanLength);
