namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>A named line of a chart.</summary>
/// <param name="Name">What the legend says.</param>
/// <param name="Points">The points in the order of their steps; many points are drawn as means of neighbors.</param>
internal sealed record ReportCurve(string Name, IReadOnlyList<CurvePoint> Points);
