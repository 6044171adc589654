namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// How the importance ratios of a step's trained tokens are spread, before clipping. Percentiles are upper edges of bins 1/16 wide in the log ratio, so that many ratios of one may be called 1.06;
/// the histogram ends at e^4 = 54.6, and what lies above is called that.
/// </summary>
/// <param name="Low">A tenth of the tokens lies below.</param>
/// <param name="Median">Half of the tokens lies below.</param>
/// <param name="High">Nine tenths of the tokens lie below.</param>
/// <param name="ClippedShare">Share of tokens whose ratio is clipped.</param>
public readonly record struct RatioSpread(double Low, double Median, double High, double ClippedShare);
