using System.Text;

namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>Draws a chart of curves as inline SVG. Its units are pixels of a 420 x 230 drawing that scales to the width of its card.</summary>
internal static class ChartDrawing
{
    private const double Width = 420, Height = 230, Left = 52, Right = 10, Top = 8, Bottom = 38;
    private const int ColorCount = 8, MostPoints = 150, MostDots = 30;

    public static void Write(ReportChart chart, StringBuilder page)
    {
        List<(string Name, List<CurvePoint> Points)> curves = [.. chart.Curves.Select(curve => (curve.Name, Thin([.. curve.Points.Where(point => double.IsFinite(point.Value) && double.IsFinite(point.Step))])))];
        page.Append($"<div class=\"card\"><h3>{HtmlText.Escape(chart.Title)}</h3>");
        if (curves.Count > 1) WriteKey(curves.Select(curve => curve.Name), page);
        if (curves.All(curve => curve.Points.Count == 0))
        {
            page.Append("<p class=\"note\">No values were recorded.</p></div>\n");
            return;
        }

        double lastStep = Math.Max(1, curves.SelectMany(curve => curve.Points).Max(point => point.Step));
        double smallest = 0, largest = 1;
        if (!chart.IsShare)
        {
            smallest = Math.Min(0, curves.SelectMany(curve => curve.Points).Min(point => point.Value));
            largest = curves.SelectMany(curve => curve.Points).Max(point => point.Value);
            if (largest <= smallest) largest = smallest + 1;
        }

        double valueStep = TickStep(largest - smallest, 5), stepStep = Math.Max(1, TickStep(lastStep, 6));
        double top = smallest + Math.Ceiling((largest - smallest) / valueStep - 1e-9) * valueStep, bottom = Math.Floor(smallest / valueStep) * valueStep;
        double X(double step) => Left + step / lastStep * (Width - Left - Right);
        double Y(double value) => Height - Bottom - (value - bottom) / (top - bottom) * (Height - Bottom - Top);

        page.Append($"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{HtmlText.Escape(chart.Title)}\">");
        int decimals = valueStep >= 1 ? 0 : (int)Math.Ceiling(-Math.Log10(valueStep) - 1e-9);
        for (int tick = 0; bottom + tick * valueStep <= top + valueStep * 1e-6; tick++)
        {
            double value = bottom + tick * valueStep;
            string y = HtmlText.Coordinate(Y(value)), label = chart.IsShare ? HtmlText.Number(value * 100, 0) + " %" : HtmlText.Number(value, decimals);
            page.Append($"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{y}\" y2=\"{y}\"/><text x=\"{Left - 7}\" y=\"{y}\" dy=\".32em\" text-anchor=\"end\">{label}</text>");
        }

        for (double step = 0; step <= lastStep * (1 + 1e-9); step += stepStep)
            page.Append($"<text x=\"{HtmlText.Coordinate(X(step))}\" y=\"{Height - Bottom + 17}\" text-anchor=\"middle\">{HtmlText.Number(step, 0)}</text>");
        page.Append($"<text x=\"{HtmlText.Coordinate((Left + Width - Right) / 2)}\" y=\"{Height - 4}\" text-anchor=\"middle\">step</text>");
        for (int i = 0; i < curves.Count; i++) WriteCurve(curves[i].Name, curves[i].Points, i, X, Y, page);
        page.Append("</svg></div>\n");
    }

    public static void WriteKey(IEnumerable<string> names, StringBuilder page)
    {
        page.Append("<div class=\"key\">");
        int i = 0;
        foreach (string name in names) page.Append($"<span><i style=\"background:{Color(i++)}\"></i>{HtmlText.Escape(name)}</span>");
        page.Append("</div>");
    }

    public static string Color(int index) => $"var(--c{index % ColorCount})";

    private static void WriteCurve(string name, List<CurvePoint> points, int index, Func<double, double> x, Func<double, double> y, StringBuilder page)
    {
        page.Append($"<g><title>{HtmlText.Escape(name)}</title>");
        if (points.Count > 1)
        {
            string path = string.Join(" ", points.Select(point => $"{HtmlText.Coordinate(x(point.Step))},{HtmlText.Coordinate(y(point.Value))}"));
            page.Append($"<polyline class=\"curve\" style=\"stroke:{Color(index)}\" points=\"{path}\"/>");
        }

        if (points.Count <= MostDots)
        {
            foreach (CurvePoint point in points)
                page.Append($"<circle cx=\"{HtmlText.Coordinate(x(point.Step))}\" cy=\"{HtmlText.Coordinate(y(point.Value))}\" r=\"2.6\" style=\"fill:{Color(index)}\"/>");
        }

        page.Append("</g>");
    }

    /// <summary>Of many points, means of equal numbers of neighbors.</summary>
    private static List<CurvePoint> Thin(List<CurvePoint> points)
    {
        if (points.Count <= MostPoints) return points;
        int width = (points.Count + MostPoints - 1) / MostPoints;
        return [.. points.Chunk(width).Select(bin => new CurvePoint(bin.Average(point => point.Step), bin.Average(point => point.Value)))];
    }

    /// <summary>1, 2 or 5 times a power of ten, so that a range has about the wanted number of ticks.</summary>
    private static double TickStep(double range, int ticks)
    {
        double rough = range / ticks, power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return (rough / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 } * power;
    }
}
