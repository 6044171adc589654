using Sophia.Native.Pipeline;
using System.Xml;
using System.Xml.Linq;
using Sophia.Native.Pipeline.Quickstart;
using Sophia.Native.Pipeline.Quickstart.Report;
using Xunit;

namespace Sophia.Native.Tests.Quickstart;

public sealed class QuickstartReportTests
{
    private static readonly Scene Scene = new(1, 1,
    [
        new(WorldCell.Northwest, ObjectSize.Big, ObjectColor.Red, ObjectShape.Square),
        new(WorldCell.Southeast, ObjectSize.Small, ObjectColor.Blue, ObjectShape.Circle),
    ]);

    [Fact]
    public void The_page_is_well_formed_and_needs_nothing_else()
    {
        XDocument page = Parse(QuickstartReport.ToHtml(Content()));
        Assert.DoesNotContain(page.Descendants(), element => element.Name.LocalName is "script" or "link" or "iframe" or "object");
        foreach (XElement image in page.Descendants("img")) Assert.StartsWith("data:image/png;base64,iVBORw0KGgo", image.Attribute("src")!.Value);
        Assert.DoesNotContain("http:", page.ToString());
        Assert.DoesNotContain("https:", page.ToString());
        Assert.Contains(page.Descendants("meta"), meta => meta.Attribute("name")?.Value == "viewport");
        Assert.Contains("prefers-color-scheme: dark", page.Descendants("style").Single().Value);
    }

    [Fact]
    public void Every_text_is_shown_as_it_is_whatever_it_looks_like()
    {
        const string Hostile = "</style><script>alert(1)</script>\" onload='x' & \u0001 \ud800 \uffff 🙂";
        ReportContent content = new(Hostile, [Hostile])
        {
            Arms = [Arm() with { Name = Hostile, Description = Hostile }],
            Charts = [new(Hostile, true, [new(Hostile, [new(0, .5), new(1, .6)]), new(Hostile, [])])],
            Gallery = [new(Hostile, Hostile, [new(Scene, Hostile, Hostile, [new(Hostile, .5, false, false)], [new(Hostile, Hostile + "</think>" + Hostile, true)])])],
            Configuration = [new(Hostile, Hostile)],
        };
        XDocument page = Parse(QuickstartReport.ToHtml(content));
        Assert.Empty(page.Descendants("script"));
        string shown = Hostile.Replace('\u0001', '\uFFFD').Replace('\ud800', '\uFFFD').Replace('\uffff', '\uFFFD');
        Assert.EndsWith("🙂", shown);
        Assert.Equal(shown, page.Descendants("h1").Single().Value);
        Assert.All(page.Descendants().Attributes(), attribute => Assert.DoesNotContain("onload", attribute.Name.LocalName));
    }

    [Fact]
    public void The_tables_hold_the_measured_numbers()
    {
        List<List<string>> rows = [.. Parse(QuickstartReport.ToHtml(Content())).Descendants("tbody").Elements("tr").Select(row => row.Elements().Select(cell => cell.Value).ToList())];
        Assert.Equal(["full", "87.8 ± 0.8", "91.3 ± 0.7", "5.9", "–", "41.9", "39.8", "90.0", "66.7"], rows[1]);
        Assert.Equal(["base", "–", "–", "–", "–", "–", "–", "–", "–", "–", "0.4"], rows[2]);
        Assert.Equal(["full", "1857", "1900", "98.0", "44.5", "7", "86.6", "5.6", "6.1", "12.5", "2.5"], rows[3]);
    }

    [Fact]
    public void False_statements_are_marked_and_true_ones_are_not()
    {
        XElement item = Parse(QuickstartReport.ToHtml(Content())).Descendants("div").Single(element => element.Attribute("class")?.Value == "card item");
        Assert.Equal(["northwest big red circle", "northeast small red circle", "northwest big red circle"], item.Descendants("mark").Select(mark => mark.Value));
        XElement answer = item.Descendants("p").Single(element => element.Attribute("class")?.Value == "answer");
        Assert.Equal("<think> northwest big red circle. wait, look back at the image: northwest there is a big red square + two = two. total two. </think> so \\boxed{ two }.", answer.Value);
        Assert.EndsWith("</think>", answer.Elements("span").Single().Value);
        Assert.Contains("88 %✓ passes, chosennorthwest big red square; southeast small blue circle.", item.Value);
        Assert.Contains("25 %– held back", item.Value);
    }

    [Fact]
    public void Curves_stay_inside_the_drawing_and_long_ones_are_thinned()
    {
        ReportContent content = new("t", [])
        {
            Charts =
            [
                new("loss", false, [new("a", [.. Enumerable.Range(0, 10_000).Select(step => new CurvePoint(step, 3 + Math.Sin(step) - (step == 7 ? double.NaN : 0)))])]),
                new("negative", false, [new("b", [new(0, -2), new(5, -1), new(10, 4)])]),
                new("constant", false, [new("c", [new(0, 0), new(1, 0)])]),
                new("tiny", false, [new("d", [new(0, 1e-7), new(1, 3e-7)])]),
                new("share", true, [new("e", [new(0, 0), new(10, 1)])]),
                new("none", true, []),
            ],
        };
        XDocument page = Parse(QuickstartReport.ToHtml(content));
        Assert.Equal(5, page.Descendants("svg").Count());
        foreach (XElement curve in page.Descendants("polyline"))
        {
            string[] points = curve.Attribute("points")!.Value.Split(' ');
            Assert.InRange(points.Length, 2, 150);
            foreach (string point in points)
            {
                double[] place = [.. point.Split(',').Select(part => double.Parse(part, System.Globalization.CultureInfo.InvariantCulture))];
                Assert.InRange(place[0], 52, 410);
                Assert.InRange(place[1], 8, 192);
            }
        }

        Assert.All(page.Descendants("svg"), drawing => Assert.InRange(drawing.Elements("line").Count(), 2, 11));
        Assert.Contains("No values were recorded.", page.ToString());
    }

    [Fact]
    public void An_empty_report_is_a_page_with_a_heading()
    {
        XDocument page = Parse(QuickstartReport.ToHtml(new ReportContent("nothing", [])));
        Assert.Equal("nothing", page.Descendants("h1").Single().Value);
        Assert.Empty(page.Descendants("h2"));
    }

    [Fact]
    public void The_file_is_what_the_text_is()
    {
        string folder = Directory.CreateTempSubdirectory("quickstart-report-").FullName;
        try
        {
            string path = Path.Combine(folder, "report.html");
            QuickstartReport.Write(path, Content());
            Assert.Equal(QuickstartReport.ToHtml(Content()), File.ReadAllText(path));
            Assert.Single(Directory.GetFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static ReportContent Content() => new("Title", ["One.", "Two."])
    {
        Arms = [Arm() with { Name = "base", Data = null, Update = null, Minutes = .4 }, Arm()],
        Charts = [new("loss", false, [new("image", [new(0, 2), new(1, 1)])])],
        Gallery =
        [
            new("Gallery", "Look.",
            [
                new(Scene, "price of all the objects?", "three",
                    [new("northwest big red square; southeast small blue circle.", .875, true, true), new("northwest big red circle; northeast small red circle.", .25, false, false)],
                    [new("selected trajectory", "<think> northwest big red circle. wait, look back at the image: northwest there is a big red square + two = two. total two. </think> so \\boxed{ two }.", false)]),
            ]),
        ],
        Configuration = [new("world", "small")],
    };

    private static ArmResult Arm() => new("full", "everything")
    {
        Sampled = Estimate.OfShare(1317, 1500),
        Greedy = Estimate.OfShare(1370, 1500),
        SampledClaims = new ClaimCounts(941, 59),
        SampledLength = 41.9,
        GreedyLength = 39.8,
        Captions = new CaptionScore(900, 1000, 200, 300),
        Data = new SelectedData(1857, new CaptionScore(5000, 5571, 1608, 1857), new ClaimCounts(5259, 312), 44.5) { Trajectories = 1900, RightTrajectories = 1862, TrainedCaptions = 7 },
        Update = new UpdateSummary(11_000, 480_000, 6.1, new RatioSpread(.9, 1.1, 3, .125)),
        Minutes = 2.5,
    };

    private static XDocument Parse(string html)
    {
        using XmlReader reader = XmlReader.Create(new StringReader(html), new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore, CheckCharacters = true });
        return XDocument.Load(reader, LoadOptions.PreserveWhitespace);
    }
}
