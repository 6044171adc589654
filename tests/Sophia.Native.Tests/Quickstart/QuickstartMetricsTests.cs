using Sophia.Native.Pipeline;
using Sophia.Native.Pipeline.Quickstart;
using Xunit;

namespace Sophia.Native.Tests.Quickstart;

public sealed class QuickstartMetricsTests
{
    private static readonly Scene Scene = new(0, 0,
    [
        new(WorldCell.Northwest, ObjectSize.Big, ObjectColor.Red, ObjectShape.Square),
        new(WorldCell.Southeast, ObjectSize.Small, ObjectColor.Blue, ObjectShape.Circle),
    ]);

    [Theory]
    [InlineData(@"<think> okay. total two. </think> so \boxed{ two }.", "two")]
    [InlineData(@"\boxed{one} no \boxed{ two}", "two")]
    [InlineData(@"\boxed{ two", null)]
    [InlineData("two", null)]
    [InlineData("", null)]
    public void The_answer_is_what_the_last_box_holds(string response, string? answer)
    {
        Assert.Equal(answer, QuickstartMetrics.BoxedAnswer(response));
        Assert.Equal(answer == "two", QuickstartMetrics.IsRight(response, "two"));
    }

    [Fact]
    public void Accuracy_has_the_binomial_standard_error()
    {
        Estimate estimate = QuickstartMetrics.Accuracy([WorldLanguage.Boxed(1), WorldLanguage.Boxed(2), WorldLanguage.Boxed(3), "none"], ["one", "two", "four", "none"]);
        Assert.Equal(.5, estimate.Value);
        Assert.Equal(.25, estimate.StandardError, 12);
        Assert.Equal(4, estimate.Count);
        Assert.Throws<ArgumentException>(() => QuickstartMetrics.Accuracy([], []));
        Assert.Throws<ArgumentException>(() => QuickstartMetrics.Accuracy(["a"], []));
    }

    [Fact]
    public void A_mean_has_the_standard_error_of_its_sample()
    {
        Estimate estimate = Estimate.OfMean([1, 2, 3, 6]);
        Assert.Equal(3, estimate.Value);
        Assert.Equal(Math.Sqrt(14.0 / 3 / 4), estimate.StandardError, 12);
        Assert.Equal(0, Estimate.OfMean([5]).StandardError);
        Assert.Equal(5, new Estimate(.5, .03, 10).StandardErrorsAbove(new Estimate(.25, .04, 10)), 12);
        Assert.Throws<ArgumentException>(() => Estimate.OfMean([]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Estimate.OfShare(2, 1));
    }

    [Fact]
    public void Every_statement_counts_also_one_that_is_taken_back()
    {
        const string Trace = "northwest big red circle. wait, look back at the image: northwest there is a big red square + two = two. northeast small red circle";
        Assert.Equal(new ClaimCounts(1, 2), QuickstartMetrics.CountClaims(Trace, Scene));
        Assert.Equal(2 / 3.0, QuickstartMetrics.CountClaims(Trace, Scene).WrongShare);
        Assert.Null(QuickstartMetrics.CountClaims("nothing", Scene).WrongShare);
        Assert.Equal(new ClaimCounts(4, 6), new ClaimCounts(1, 2) + new ClaimCounts(3, 4));
    }

    [Fact]
    public void A_caption_is_right_as_a_whole_only_with_all_objects_and_no_others()
    {
        Assert.Equal(new CaptionScore(2, 2, 1, 1), QuickstartMetrics.ScoreCaption(WorldLanguage.Caption(Scene.Objects), Scene));
        Assert.Equal(new CaptionScore(1, 2, 0, 1), QuickstartMetrics.ScoreCaption("northwest big red square; northwest big red square.", Scene));
        Assert.Equal(new CaptionScore(2, 2, 0, 1), QuickstartMetrics.ScoreCaption("northwest big red square; northeast small red circle; southeast small blue circle.", Scene));
        Assert.Equal(new CaptionScore(0, 2, 0, 1), QuickstartMetrics.ScoreCaption("", Scene));
        CaptionScore sum = new CaptionScore(2, 2, 1, 1) + new CaptionScore(1, 4, 0, 1);
        Assert.Equal(.5, sum.Recall);
        Assert.Equal(.5, sum.WholeShare);
        Assert.Null(default(CaptionScore).Recall);
    }
}
