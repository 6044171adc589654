using Sophia.Native.Models;
using Sophia.Native.Objectives;
using Sophia.Native.Pipeline.Quickstart;
using Sophia.Native.Training;
using Xunit;

namespace Sophia.Native.Tests.Quickstart;

/// <summary>The arms on a round made by hand: two scenes, one of them with two questions that count; K = 2 captions, N = 4 answers, alpha = .5.</summary>
public sealed class QuickstartArmTests : IDisposable
{
    private static readonly QuickstartSettings Settings = new()
    {
        Seed = 7,
        Scenes = 2,
        QuestionsPerScene = 2,
        Captions = 2,
        Answers = 4,
        Alpha = 0.5f,
        UpdateSteps = 3,
        UpdateTokens = 60,
        ReplayTasks = (2, 1, 1),
    };

    // A square costs two, a circle one: everything three, the small ones one, the big ones two.
    private static readonly Scene First = new(1, 0,
    [
        new(WorldCell.Northwest, ObjectSize.Big, ObjectColor.Red, ObjectShape.Square),
        new(WorldCell.Southeast, ObjectSize.Small, ObjectColor.Blue, ObjectShape.Circle),
    ]);

    private static readonly Scene Second = new(1, 1, [new(WorldCell.Northeast, ObjectSize.Small, ObjectColor.Green, ObjectShape.Square), new(WorldCell.Southwest, ObjectSize.Small, ObjectColor.Red, ObjectShape.Square)]);

    private readonly Backend _backend = Backend.Open("cpu");
    private readonly QuickstartPolicy _policy;
    private readonly QuickstartRound _round;

    public QuickstartArmTests()
    {
        var tokenizer = QuickstartTokenizer.Create();
        _policy = new(_backend, tokenizer, ElementType.Float32, ParameterGroup.Decoder);
        QuickstartModel.Initialize(_policy.Parameters, 7);
        PriceQuestion all = new(null), small = new(ObjectSize.Small);
        string[] captions =
        [
            "northwest big red square; southeast small blue circle.", "northwest big red circle; southeast small blue circle.",
            "northeast small green square; southwest small red square.", "northeast small green square.",
        ];
        string[] answers =
        [
            // Everything in the first scene, three: the first caption has three right of four and passes, the second a quarter and does not, though its right answer is the shortest of all.
            Answer(3, 4), Answer(2, 0), Answer(3, 2), Answer(3, 3), Answer(2, 0), Answer(3, 1), Answer(4, 0), Answer(4, 0),
            // The small one in the first scene, one: both captions pass; the first caption's second answer and the second caption's last are equally short.
            Answer(1, 6), Answer(1, 3), Answer(1, 5), Answer(1, 4), Answer(1, 9), Answer(1, 7), Answer(1, 8), Answer(1, 3),
            // Everything in the second scene, four: half is right, and half is not more than alpha.
            Answer(4, 1), Answer(4, 2), Answer(1, 0), Answer(2, 0), Answer(1, 0), Answer(2, 0), Answer(1, 0), Answer(2, 0),
            // The small ones in the second scene, four: one caption passes.
            Answer(4, 2), Answer(4, 2), Answer(4, 2), Answer(4, 2), Answer(1, 0), Answer(2, 0), Answer(1, 0), Answer(2, 0),
        ];
        _round = new(_backend, _policy.Encoder, Settings, [First, Second], [all, small, all, small], captions, answers);
    }

    public void Dispose()
    {
        _policy.Dispose();
        _backend.Dispose();
    }

    [Fact]
    public void Rewards_are_propagated_to_captions()
    {
        Assert.Equal([.75f, .25f, 1f, 1f, .5f, 0f, 1f, 0f], Enumerable.Range(0, 8).Select(i => _round.CaptionReward(i / 2, i % 2)));
        Assert.Equal(.5, _round.PassingShare);
    }

    [Fact]
    public void Full_takes_the_shortest_right_answer_of_captions_that_pass()
    {
        Assert.Equal([(0, 0, 2), (1, 0, 1), (3, 0, 0)], Chosen("full"));
    }

    [Fact]
    public void Keep_2_takes_the_two_shortest_of_them_from_either_caption()
    {
        Assert.Equal([(0, 0, 2), (0, 0, 3), (1, 0, 1), (1, 1, 3), (3, 0, 0), (3, 0, 1)], Chosen("keep-2"));
        var selected = _round.Select(Arm("keep-2"));
        var data = _round.Describe(selected, _round.SelectCaptions(Arm("keep-2"), selected), _policy.Encoder);
        Assert.Equal((3, 6, 6, 0), (data.Pairs, data.Trajectories, data.RightTrajectories, data.TrainedCaptions));
    }

    [Fact]
    public void No_caption_reward_takes_the_shortest_right_answer_of_any_caption()
    {
        Assert.Equal([(0, 1, 1), (1, 0, 1), (2, 0, 0), (3, 0, 0)], Chosen("no-caption-reward"));
    }

    [Fact]
    public void No_shortest_takes_one_right_answer_of_a_caption_that_passes()
    {
        var selected = _round.Select(Arm("no-shortest"));
        Assert.Equal([0, 1, 3], selected.Select(one => one.Pair));
        Assert.All(selected, one => Assert.Equal(1f, _round.OutcomeReward(one.Pair, one.CaptionIndex, one.AnswerIndex)));
        Assert.All(selected, one => Assert.True(_round.CaptionReward(one.Pair, one.CaptionIndex) > .5f));
    }

    [Fact]
    public void Random_takes_one_answer_of_every_question_right_or_wrong()
    {
        var selected = _round.Select(Arm("random"));
        Assert.Equal([0, 1, 2, 3], selected.Select(one => one.Pair));
        var right = selected.Count(one => _round.OutcomeReward(one.Pair, one.CaptionIndex, one.AnswerIndex) == 1f);
        Assert.Equal(right, _round.Describe(selected, [], _policy.Encoder).RightTrajectories);
    }

    [Fact]
    public void Caption_as_data_takes_what_full_takes_and_each_caption_behind_it_once()
    {
        var arm = Arm("caption-as-data");
        Assert.Equal(Chosen("full"), Chosen("caption-as-data"));
        var captions = _round.SelectCaptions(arm, _round.Select(arm));
        // Both questions about the first scene were answered from its first caption.
        Assert.Equal([new QuickstartCaption(0, 0, "northwest big red square; southeast small blue circle."), new QuickstartCaption(1, 0, "northeast small green square; southwest small red square.")], captions);
        Assert.Empty(_round.SelectCaptions(Arm("full"), _round.Select(Arm("full"))));
    }

    [Fact]
    public void Token_ratio_is_full_under_the_engines_clipped_ratio_to_a_snapshot()
    {
        var arm = Arm("token-ratio");
        Assert.Equal(Chosen("full"), Chosen("token-ratio"));
        Assert.Equal((ImportanceRatio.Token, .8f, 1.28f, BehaviorSource.Snapshot), (arm.Objective.Ratio, arm.Objective.ClipLow, arm.Objective.ClipHigh, arm.Behavior));
        Assert.All(QuickstartArm.All, other => Assert.Equal(other == arm, other.Objective != new ObjectiveOptions()));
    }

    [Fact]
    public void Ratios_are_one_at_the_first_step_and_only_later_steps_differ_from_full()
    {
        var (full, ratio) = (Train("full"), Train("token-ratio"));
        Assert.All(full, point => Assert.Null(point.Ratios));
        // Before any update policy and snapshot are the same: every log ratio is zero, in the bin whose upper edge is exp(1/16), or at most the largest ratio.
        var first = ratio[0].Ratios!.Value;
        Assert.Equal(0, first.ClippedShare);
        Assert.Equal(1, first.Low, 4);
        Assert.Equal(1, first.High, 4);
        Assert.Equal(full[0].Loss, ratio[0].Loss, 4);
        Assert.True(ratio[^1].Ratios!.Value.High > 1.01, $"The ratios did not move: {ratio[^1].Ratios}.");
        Assert.NotEqual(full[^1].Loss, ratio[^1].Loss);
    }

    [Fact]
    public void An_update_counts_its_epochs_and_trains_the_captions()
    {
        var (points, captions) = (Train("full", out var full), Train("caption-as-data", out var data));
        Assert.Equal((3, 3), (points.Count, captions.Count));
        Assert.Equal(full.Sequences / 3.0, full.Epochs);
        Assert.Equal(data.Sequences / 5.0, data.Epochs);
        Assert.InRange(full.Tokens, 180, 300);
        Assert.NotEqual(points[0].Loss, captions[0].Loss);
    }

    /// <summary>A response of the slow kind with the answer in a box, the longer the more it hums.</summary>
    private static string Answer(int number, int hums) => $"<think> {string.Concat(Enumerable.Repeat("hmm ", hums))}total {WorldLanguage.Number(number)}. </think> so {WorldLanguage.Boxed(number)}";

    private static QuickstartArm Arm(string name) => QuickstartArm.All.Single(arm => arm.Name == name);

    private IEnumerable<(int, int, int)> Chosen(string name) => _round.Select(Arm(name)).Select(one => (one.Pair, one.CaptionIndex, one.AnswerIndex));

    private List<UpdatePoint> Train(string name) => Train(name, out _);

    private List<UpdatePoint> Train(string name, out UpdateSummary summary)
    {
        using var policy = new QuickstartPolicy(_backend, QuickstartTokenizer.Create(), ElementType.Float32, ParameterGroup.Decoder);
        policy.Parameters.CopyFrom(_policy.Parameters);
        var selected = _round.Select(Arm(name));
        var points = new List<UpdatePoint>();
        summary = new QuickstartUpdate(policy, Settings with { UpdateLearningRate = 1e-2 }, Arm(name), _round, selected, _round.SelectCaptions(Arm(name), selected)).Train(points.Add, TestContext.Current.CancellationToken);
        return points;
    }
}
