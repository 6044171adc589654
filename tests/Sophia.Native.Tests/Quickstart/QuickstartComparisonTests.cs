using Sophia.Native.Pipeline;
using Sophia.Native.Pipeline.Quickstart;
using Sophia.Native.Pipeline.Quickstart.Report;
using System.Xml.Linq;
using Xunit;

namespace Sophia.Native.Tests.Quickstart;

public sealed class QuickstartComparisonTests
{
    [Fact]
    public void A_paired_difference_has_the_error_of_the_differences()
    {
        // d = 1, 0, 0, -1, 1: mean 1/5, sum of squares 3 - 5 / 25 = 2.8, standard error sqrt(2.8 / (5 * 4)).
        Estimate difference = Estimate.OfDifference([true, true, false, false, true], [false, true, false, true, false]);
        Assert.Equal(.2, difference.Value, 12);
        Assert.Equal(Math.Sqrt(.14), difference.StandardError, 12);
        Assert.Equal(5, difference.Count);
        Assert.Equal(new Estimate(0, 0, 2), Estimate.OfDifference([true, false], [true, false]));
        Assert.Throws<ArgumentException>(() => Estimate.OfDifference([true], [true, false]));
        Assert.Throws<ArgumentException>(() => Estimate.OfDifference([], []));
    }

    [Fact]
    public void A_mean_of_strata_weighs_them_alike()
    {
        Estimate mean = Estimate.OfStrata([new(.1, .03, 10), new(.3, .04, 1000)]);
        Assert.Equal(.2, mean.Value, 12);
        Assert.Equal(.025, mean.StandardError, 12);
        Assert.Equal(1010, mean.Count);
        Assert.Throws<ArgumentException>(() => Estimate.OfStrata([]));
    }

    [Fact]
    public void Arms_are_compared_with_the_method_of_their_own_seed()
    {
        QuickstartComparison comparison = Comparison();
        Assert.Equal([3UL, 4UL], comparison.Seeds);
        Assert.Equal(5, comparison.Minutes);
        (ArmComparison untrained, ArmComparison full, ArmComparison random) = (comparison.Arms[0], comparison.Arms[1], comparison.Arms[2]);
        Assert.Empty(full.SampledDifferences);
        Assert.Null(full.SampledDifference);
        Assert.Null(full.SampledSeedError);
        Assert.Equal([-.5, -.25], untrained.SampledDifferences.Select(one => one.Value));
        // Seed 3: d = 0, -1, 0, 0; seed 4: d = 0, 0, 0, 0. Each variance of the mean is (sum of squares - 4 mean^2) / 12.
        Assert.Equal([-.25, 0], random.SampledDifferences.Select(one => one.Value));
        Assert.Equal([Math.Sqrt(.75 / 12), 0], random.SampledDifferences.Select(one => one.StandardError));
        Assert.Equal(-.125, random.SampledDifference!.Value.Value);
        Assert.Equal(Math.Sqrt(.75 / 12) / 2, random.SampledDifference.Value.StandardError, 12);
        // The scatter of -.25 and 0: standard deviation .25 / sqrt 2, over sqrt 2.
        Assert.Equal(.125, random.SampledSeedError!.Value, 12);
        Assert.Equal(.5, random.Pooled.Sampled.Value);
        Assert.Equal(new ClaimCounts(20, 4), random.Pooled.SampledClaims);
        Assert.Equal((40, 44, 30), (random.Pooled.Data!.Pairs, random.Pooled.Data.Trajectories, random.Pooled.Data.RightTrajectories));
        Assert.Equal((10.0 * 20 + 30.0 * 24) / 44, random.Pooled.Data.MeanLength, 12);
        Assert.Equal(new RatioSpread(.5, 1, 2, .25), random.Pooled.Update!.Ratios);
    }

    [Fact]
    public void Without_the_method_nothing_is_compared_and_arms_must_be_the_same()
    {
        QuickstartOutcome alone = new(1, [Arm("base", [true])], 1);
        Assert.Empty(new QuickstartComparison([alone]).Arms[0].SampledDifferences);
        Assert.Throws<ArgumentException>(() => new QuickstartComparison([alone, new(2, [Arm("full", [true])], 1)]));
        Assert.Throws<ArgumentException>(() => new QuickstartComparison([]));
    }

    [Fact]
    public void The_report_of_several_seeds_shows_each_difference_their_mean_and_their_scatter()
    {
        string folder = Directory.CreateTempSubdirectory("quickstart-seeds-").FullName;
        try
        {
            string path = Path.Combine(folder, "report.html");
            Comparison().WriteReport(path);
            string html = File.ReadAllText(path);
            XElement page = XElement.Parse(html[html.IndexOf("<html", StringComparison.Ordinal)..].Replace("&nbsp;", " ", StringComparison.Ordinal));
            List<List<string>> rows = [.. page.Descendants("tbody").Take(2).Elements("tr").Select(row => row.Elements().Select(cell => cell.Value).ToList())];
            Assert.Equal(["base", "random", "base", "random"], rows.Select(row => row[0]));
            Assert.Equal(["random", "-25.0 ± 25.0", "0.0 ± 0.0", "-12.5 ± 12.5", "± 12.5"], rows[1]);
            Assert.Equal(["random", "0.0 ± 0.0", "0.0 ± 0.0", "0.0 ± 0.0", "± 0.0"], rows[3]);
            Assert.Contains("seeds", html, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static QuickstartComparison Comparison()
    {
        RatioSpread spread = new(.5, 1, 2, .25);
        return new(
        [
            new(3, [Arm("base", [false, false, false, false]), Arm("full", [true, true, false, false]), Arm("random", [true, false, false, false]) with { Data = Data(20, 20, 10), Update = new(1, 2, 3, spread) }], 2),
            new(4, [Arm("base", [true, true, false, false]), Arm("full", [true, true, true, false]), Arm("random", [true, true, true, false]) with { Data = Data(20, 24, 30), Update = new(1, 2, 3, spread) }], 3),
        ]);
    }

    private static SelectedData Data(int pairs, int trajectories, double length) =>
        new(pairs, new(1, 2, 0, 1), new(1, 1), length) { Trajectories = trajectories, RightTrajectories = 15 };

    private static ArmResult Arm(string name, bool[] right) => new(name, "a test")
    {
        Sampled = Estimate.OfShare(right.Count(one => one), right.Length),
        Greedy = Estimate.OfShare(0, right.Length),
        SampledRight = right,
        GreedyRight = new bool[right.Length],
        SampledClaims = new(10, 2),
    };
}
