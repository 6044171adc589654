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
        page.Append("<div class=\"card scroll\"><table><thead><tr class=\"groups\"><th class=\"corner\"></th><th class=\"first\" colspan=\"5\">trained on</th><th class=\"first\" colspan=\"2\">captions behind it, %</th><th class=\"first\" colspan=\"3\"></th></tr>\n")
            .Append("<tr><th class=\"corner\">arm</th><th class=\"first\">pairs</th><th>answers</th><th>right, %</th><th>tokens each</th><th>captions</th><th class=\"first\">whole right</th><th>false statements</th>")
            .Append("<th class=\"first\">epochs</th><th>ratio clipped, %</th><th>minutes</th></tr></thead><tbody>\n");
        foreach (ArmResult arm in arms)
        {
            SelectedData? data = arm.Data;
            page.Append($"<tr><th>{HtmlText.Escape(arm.Name)}</th>");
            WriteCell(HtmlText.Number(data?.Pairs, 0), true, page);
            WriteCell(HtmlText.Number(data?.Trajectories, 0), false, page);
            WriteCell(data is { Trajectories: > 0 } ? HtmlText.Percent((double)data.RightTrajectories / data.Trajectories) : HtmlText.None, false, page);
            WriteCell(HtmlText.Number(data?.MeanLength, 1), false, page);
            WriteCell(HtmlText.Number(data?.TrainedCaptions, 0), false, page);
            WriteCell(HtmlText.Percent(data?.Captions.WholeShare), true, page);
            WriteCell(HtmlText.Percent(data?.Claims.WrongShare), false, page);
            WriteCell(HtmlText.Number(arm.Update?.Epochs, 1), true, page);
            WriteCell(HtmlText.Percent(arm.Update?.Ratios?.ClippedShare), false, page);
            WriteCell(HtmlText.Number(arm.Minutes, 1), false, page);
            page.Append("</tr>\n");
        }

        page.Append("</tbody></table></div>\n");
    }

    /// <summary>The arms less the method, sampled and greedy: for each seed, over the seeds with the error of the questions, and the error from the scatter of the seeds.</summary>
    public static void WriteDifferences(QuickstartComparison comparison, StringBuilder page)
    {
        WriteDifferences("sampled", comparison, arm => (arm.SampledDifferences, arm.SampledDifference, arm.SampledSeedError), page);
        WriteDifferences("greedy", comparison, arm => (arm.GreedyDifferences, arm.GreedyDifference, arm.GreedySeedError), page);
    }

    private static void WriteDifferences(string sampling, QuickstartComparison comparison, Func<ArmComparison, (IReadOnlyList<Estimate> Seeds, Estimate? Mean, double? SeedError)> differences, StringBuilder page)
    {
        bool isSeries = comparison.Seeds.Count > 1;
        page.Append($"<div class=\"card scroll\"><table><thead><tr class=\"groups\"><th class=\"corner\"></th><th class=\"first\" colspan=\"{comparison.Seeds.Count}\">{sampling}</th>")
            .Append(isSeries ? "<th class=\"first\" colspan=\"2\">over seeds</th></tr>\n" : "</tr>\n").Append("<tr><th class=\"corner\">arm</th>");
        for (int i = 0; i < comparison.Seeds.Count; i++) page.Append(i == 0 ? "<th class=\"first\">" : "<th>").Append($"seed {comparison.Seeds[i]}</th>");
        page.Append(isSeries ? "<th class=\"first\">mean</th><th>scatter</th></tr></thead><tbody>\n" : "</tr></thead><tbody>\n");
        foreach (ArmComparison arm in comparison.Arms)
        {
            (IReadOnlyList<Estimate> seeds, Estimate? mean, double? seedError) = differences(arm);
            if (seeds.Count == 0) continue;
            page.Append($"<tr><th>{HtmlText.Escape(arm.Pooled.Name)}</th>");
            for (int i = 0; i < seeds.Count; i++) WriteCell(WithError(seeds[i]), i == 0, page);
            if (isSeries && mean is { } pooled)
            {
                WriteCell(WithError(pooled), true, page);
                WriteCell("± " + HtmlText.Percent(seedError), false, page);
            }

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
