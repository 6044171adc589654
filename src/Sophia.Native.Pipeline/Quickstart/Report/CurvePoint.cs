namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>A measured value at a step.</summary>
/// <param name="Step">The step, from 0.</param>
/// <param name="Value">The value; points that are not finite are left out of the chart.</param>
internal readonly record struct CurvePoint(double Step, double Value);
