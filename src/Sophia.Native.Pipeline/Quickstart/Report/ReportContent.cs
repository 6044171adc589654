namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>Everything that stands in a report. Texts are plain: whatever looks like markup is shown as it is.</summary>
/// <param name="Title">The heading of the page.</param>
/// <param name="Summary">What was done and what came out, one paragraph an entry.</param>
internal sealed record ReportContent(string Title, IReadOnlyList<string> Summary)
{
    /// <summary>The arms, in the order of the table.</summary>
    public IReadOnlyList<ArmResult> Arms { get; init; } = [];

    /// <summary>The arms against the method, question by question; null where there is nothing to compare.</summary>
    public QuickstartComparison? Comparison { get; init; }

    /// <summary>Learning curves.</summary>
    public IReadOnlyList<ReportChart> Charts { get; init; } = [];

    /// <summary>Scenes to look at.</summary>
    public IReadOnlyList<GallerySection> Gallery { get; init; } = [];

    /// <summary>World, model, rates, optimizer, machine, times.</summary>
    public IReadOnlyList<ReportFact> Configuration { get; init; } = [];
}
