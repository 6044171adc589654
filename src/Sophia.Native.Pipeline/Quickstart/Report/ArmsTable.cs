using System.Text;

namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>The arms twice: as bars of accuracy with their spread, and as tables of everything measured.</summary>
internal static class ArmsTable
{
    private const double SpreadInStandardErrors = 1.96;

    public static void WriteBars(IReadOnlyList<ArmResult> arms, StringBuilder page)
    {
        page.Append("<div class=\"card\">");
        ChartDrawing.WriteKey(["sampled", "greedy"], page);
        foreach (ArmResult arm in arms)
        {
            page.Append($"<div class=\"arm\"><div><b>{HtmlText.Escape(arm.Name)}</b><div class=\"note\">{HtmlText.Escape(arm.Description)}</div></div><div class=\"bars\">");
            WriteBar(arm.Sampled, 0, page);
            WriteBar(arm.Greedy, 1, page);
            page.Append("</div></div>\n");
        }

        page.Append("</div>\n");
    }

    /// <summary>How the arms answer unseen questions and describe unseen scenes.</summary>
    public static void WriteAnswers(IReadOnlyList<ArmResult> arms, StringBuilder page)
    {
        page.Append("<div class=\"card scroll\"><table><thead><tr class=\"groups\"><th class=\"corner\"></th><th class=\"first\" colspan=\"2\">right answers, %</th><th class=\"first\" colspan=\"2\">false statements, %</th>")
            .Append("<th class=\"first\" colspan=\"2\">length, tokens</th><th class=\"first\" colspan=\"2\">captions right, %</th></tr>\n<tr><th class=\"corner\">arm</th>")
            .Append("<th class=\"first\">sampled</th><th>greedy</th><th class=\"first\">sampled</th><th>greedy</th><th class=\"first\">sampled</th><th>greedy</th><th class=\"first\">objects</th><th>whole</th></tr></thead><tbody>\n");
        foreach (ArmResult arm in arms)
        {
            page.Append($"<tr><th>{HtmlText.Escape(arm.Name)}</th>");
            WriteCell(WithError(arm.Sampled), true, page);
            WriteCell(WithError(arm.Greedy), false, page);
            WriteCell(HtmlText.Percent(arm.SampledClaims.WrongShare), true, page);
            WriteCell(HtmlText.Percent(arm.GreedyClaims.WrongShare), false, page);
            WriteCell(HtmlText.Number(arm.SampledLength, 1), true, page);
            WriteCell(HtmlText.Number(arm.GreedyLength, 1), false, page);
            WriteCell(HtmlText.Percent(arm.Captions.Recall), true, page);
            WriteCell(HtmlText.Percent(arm.Captions.WholeShare), false, page);
            page.Append("</tr>\n");
        }

        page.Append("</tbody></table></div>\n");
    }

    /// <summary>What the arms were trained on and how long it took.</summary>
    public static void WriteTraining(IReadOnlyList<ArmResult> arms, StringBuilder page)
    {
        page.Append("<div class=\"card scroll\"><table><thead><tr class=\"groups\"><th class=\"corner\"></th><th class=\"first\" colspan=\"2\">trained on</th><th class=\"first\" colspan=\"2\">captions behind it, %</th><th class=\"first\"></th></tr>\n")
            .Append("<tr><th class=\"corner\">arm</th><th class=\"first\">pairs</th><th>tokens each</th><th class=\"first\">whole right</th><th>false statements</th><th class=\"first\">minutes</th></tr></thead><tbody>\n");
        foreach (ArmResult arm in arms)
        {
            page.Append($"<tr><th>{HtmlText.Escape(arm.Name)}</th>");
            WriteCell(arm.Data is { } data ? HtmlText.Number(data.Pairs, 0) : "–", true, page);
            WriteCell(arm.Data is { } selected ? HtmlText.Number(selected.MeanLength, 1) : "–", false, page);
            WriteCell(HtmlText.Percent(arm.Data?.Captions.WholeShare), true, page);
            WriteCell(HtmlText.Percent(arm.Data?.Claims.WrongShare), false, page);
            WriteCell(HtmlText.Number(arm.Minutes, 1), true, page);
            page.Append("</tr>\n");
        }

        page.Append("</tbody></table></div>\n");
    }

    private static void WriteBar(Estimate estimate, int color, StringBuilder page)
    {
        double spread = SpreadInStandardErrors * estimate.StandardError, low = Math.Max(0, estimate.Value - spread), high = Math.Min(1, estimate.Value + spread);
        page.Append($"<div class=\"bar\"><div class=\"track\"><div class=\"fill\" style=\"width:{HtmlText.Coordinate(estimate.Value * 100)}%;background:{ChartDrawing.Color(color)}\"></div>")
            .Append($"<div class=\"spread\" style=\"left:{HtmlText.Coordinate(low * 100)}%;width:{HtmlText.Coordinate((high - low) * 100)}%\"></div></div><div class=\"number\">{WithError(estimate)} %</div></div>");
    }

    private static string WithError(Estimate estimate) => $"{HtmlText.Percent(estimate.Value)} ± {HtmlText.Percent(estimate.StandardError)}";

    private static void WriteCell(string text, bool isFirst, StringBuilder page) => page.Append(isFirst ? "<td class=\"first\">" : "<td>").Append(text).Append("</td>");
}
