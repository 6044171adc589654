namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>A chart of values over steps.</summary>
/// <param name="Title">What is measured, with its unit.</param>
/// <param name="IsShare">Whether the values are shares, drawn from 0 to 100 %; other values get an axis from zero to the largest.</param>
/// <param name="Curves">The lines; at most eight are told apart by color.</param>
internal sealed record ReportChart(string Title, bool IsShare, IReadOnlyList<ReportCurve> Curves);
