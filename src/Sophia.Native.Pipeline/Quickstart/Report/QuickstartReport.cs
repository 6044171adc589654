using System.Text;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>
/// Writes the report of a run: one HTML file that needs nothing else, neither script nor network. Curves are inline SVG, pictures data URIs;
/// it follows the reader's light or dark setting and fits a phone.
/// </summary>
internal static class QuickstartReport
{
    /// <summary>Writes the report to a file; one of that name is replaced when the new one is whole.</summary>
    /// <param name="path">The file, usually report.html.</param>
    /// <param name="content">What stands in it.</param>
    public static void Write(string path, ReportContent content) => AtomicFile.WriteAllText(path, ToHtml(content));

    /// <summary>The report as text.</summary>
    public static string ToHtml(ReportContent content)
    {
        ArgumentNullException.ThrowIfNull(content);
        var page = new StringBuilder("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
        string title = HtmlText.Escape(content.Title);
        page.Append($"<title>{title}</title>\n<style>\n{ReportStyle.Text}\n</style></head>\n<body><main>\n<h1>{title}</h1>\n");
        foreach (string paragraph in content.Summary) page.Append($"<p>{HtmlText.Escape(paragraph)}</p>\n");
        if (content.Arms.Count > 0) WriteArms(content.Arms, content.Comparison, page);
        if (content.Charts.Count > 0) WriteCharts(content.Charts, page);
        foreach (GallerySection section in content.Gallery) WriteGallery(section, page);
        if (content.Configuration.Count > 0) WriteConfiguration(content.Configuration, page);
        return page.Append("</main></body></html>\n").ToString();
    }

    private static void WriteArms(IReadOnlyList<ArmResult> arms, QuickstartComparison? comparison, StringBuilder page)
    {
        page.Append($"<h2>Right answers to {arms[0].Sampled.Count} unseen questions</h2>\n")
            .Append("<p class=\"note\">The number behind ± is one standard error; the line on a bar spans 95 %.</p>\n");
        ArmsTable.WriteBars(arms, page);
        if (comparison is not null && comparison.Arms.Any(arm => arm.SampledDifferences.Count > 0))
        {
            page.Append($"<h2>Against {QuickstartArm.Method}, question by question</h2>\n<p class=\"note\">Percentage points of right answers more than {QuickstartArm.Method} has on the same questions, with the paired standard error. ")
                .Append("The mean over seeds has the error of the questions, these seeds given; the scatter of the seeds gives another, which counts the chance in training too.</p>\n");
            ArmsTable.WriteDifferences(comparison, page);
        }

        page.Append("<h2>Answers and captions</h2>\n<p class=\"note\">A false statement is one about an object that contradicts the image; those taken back later count too. ")
            .Append("Captions are sampled for unseen scenes after training: objects named rightly, and captions right as a whole.</p>\n");
        ArmsTable.WriteAnswers(arms, page);
        page.Append("<h2>What they learned from</h2>\n<p class=\"note\">Pairs of image and question with a selected answer, the selected answers with the share of right ones and their length, captions that are data themselves, how true the captions are that the answers were reasoned from; how often the data was seen, and the share of tokens whose importance ratio is clipped at the end.</p>\n");
        ArmsTable.WriteTraining(arms, page);
    }

    private static void WriteCharts(IReadOnlyList<ReportChart> charts, StringBuilder page)
    {
        page.Append("<h2>Learning</h2>\n<div class=\"charts\">\n");
        foreach (ReportChart chart in charts) ChartDrawing.Write(chart, page);
        page.Append("</div>\n");
    }

    private static void WriteGallery(GallerySection section, StringBuilder page)
    {
        page.Append($"<h2>{HtmlText.Escape(section.Title)}</h2>\n<p class=\"note\">{HtmlText.Escape(section.Introduction)} <mark>Marked</mark> is what contradicts the image.</p>\n");
        foreach (GalleryItem item in section.Items) GalleryDrawing.Write(item, page);
    }

    private static void WriteConfiguration(IReadOnlyList<ReportFact> facts, StringBuilder page)
    {
        page.Append("<h2>Configuration</h2>\n<div class=\"card\"><dl>\n");
        foreach (ReportFact fact in facts) page.Append($"<dt>{HtmlText.Escape(fact.Name)}</dt><dd>{HtmlText.Escape(fact.Value)}</dd>\n");
        page.Append("</dl></div>\n");
    }
}
