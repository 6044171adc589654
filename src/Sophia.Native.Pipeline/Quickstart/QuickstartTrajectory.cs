namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>A trajectory that an arm trains on.</summary>
/// <param name="Pair">Number of the (image, question) pair.</param>
/// <param name="CaptionIndex">k.</param>
/// <param name="AnswerIndex">n.</param>
/// <param name="Response">Its text.</param>
internal sealed record QuickstartTrajectory(int Pair, int CaptionIndex, int AnswerIndex, string Response);
