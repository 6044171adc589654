namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>A line of the configuration.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Value">Its value in words.</param>
internal sealed record ReportFact(string Name, string Value);
