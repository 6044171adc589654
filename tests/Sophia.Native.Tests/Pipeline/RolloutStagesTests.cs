using System.Reflection;
using Sophia.Native.Data.Records;
using Sophia.Native.Pipeline;
using Sophia.Native.Pipeline.Captioning;
using Sophia.Native.Pipeline.Reasoning;
using Sophia.Native.Pipeline.Rollouts;
using Sophia.Native.Rewards;

namespace Sophia.Native.Tests.Pipeline;

public sealed class RolloutStagesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Store => _folder.File("store");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_caption_request_has_no_room_for_a_question()
    {
        Assert.Equal(
            [("AreFrames", typeof(bool)), ("Count", typeof(int)), ("FirstIndex", typeof(int)), ("Images", typeof(IReadOnlyList<string>)), ("Sample", typeof(int)), ("Seed", typeof(uint))],
            typeof(CaptionRequest).GetProperties(BindingFlags.Public | BindingFlags.Instance).OrderBy(property => property.Name).Select(property => (property.Name, property.PropertyType)));
        Assert.Equal(
            [typeof(IReadOnlyList<CaptionRequest>), typeof(CancellationToken)],
            typeof(ICaptioner).GetMethod(nameof(ICaptioner.Caption))!.GetParameters().Select(parameter => parameter.ParameterType));
        Assert.True(typeof(Prompts).GetField(nameof(Prompts.CaptionInstruction))!.IsLiteral);
    }

    [Fact]
    public async Task Nothing_of_a_question_reaches_the_captioner()
    {
        using RolloutStore store = RolloutStore.Create(Store, Questions(3));
        RecordingCaptioner captioner = new();
        await RolloutStages.Caption(store, captioner, Small, cancellation: Cancellation);
        Assert.Equal(3, captioner.Requests.Count);
        foreach (CaptionRequest request in captioner.Requests)
        {
            string everything = $"{request} {string.Join(' ', request.Images)} {Prompts.CaptionInstruction}";
            Assert.DoesNotContain("unmistakable", everything);
            Assert.DoesNotContain("golden answer", everything);
            Assert.DoesNotContain("tempting option", everything);
        }
    }

    [Fact]
    public async Task The_reasoner_gets_question_and_caption_and_never_the_gold_answer()
    {
        using RolloutStore store = RolloutStore.Create(Store, Questions(1));
        ScriptedReasoner reasoner = new((_, _, _) => new ReasoningAnswer("x"));
        await RolloutStages.Caption(store, new RecordingCaptioner(), Small, cancellation: Cancellation);
        await RolloutStages.Reason(store, reasoner, Small, cancellation: Cancellation);
        Assert.Equal(Small.Captions * Small.Answers, reasoner.Requests.Count);
        Assert.Equal(reasoner.Requests.Count, reasoner.Requests.Select(request => request.Seed).Distinct().Count());
        foreach (ReasoningRequest request in reasoner.Requests)
        {
            Assert.Contains("unmistakable", request.Prompt);
            Assert.Contains($"caption {request.CaptionIndex} of", request.Prompt);
            Assert.DoesNotContain("golden answer", request.Prompt);
        }
    }

    [Fact]
    public async Task A_round_rewards_the_shortest_right_answer_of_a_caption_that_passes()
    {
        // The table of spec/sophia.md: correct counts [4, 3, 2] of N = 4; only caption 0 is above 0.75.
        bool[][] right = [[true, true, true, true], [true, true, true, false], [true, true, false, false]];
        int[][] lengths = [[30, 20, 25, 20], [10, 11, 12, 13], [5, 6, 7, 8]];
        ScriptedReasoner reasoner = new((_, k, n) => new ReasoningAnswer(new string('#', lengths[k][n]) + (right[k][n] ? " \\boxed{golden answer 0}" : " \\boxed{no}")));
        RolloutOptions options = new() { Captions = 3, Answers = 4 };
        using RolloutStore store = RolloutStore.Create(Store, Questions(1));
        await RolloutStages.Caption(store, new RecordingCaptioner(), options, cancellation: Cancellation);
        await RolloutStages.Reason(store, reasoner, options, cancellation: Cancellation);
        string path = _folder.File("out/trajectories.jsonl");
        RolloutSummary summary = RolloutStages.Reward(store, CountMarks, options, path, cancellation: Cancellation);

        List<TrajectoryRecord> trajectories = [.. RecordReader.Read(path).Cast<TrajectoryRecord>()];
        Assert.Equal(12, trajectories.Count);
        TrajectoryRecord selected = Assert.Single(trajectories, trajectory => trajectory.Selected);
        Assert.Equal((0, 1, 1f, 1f), (selected.CaptionIndex, selected.TrajectoryIndex, selected.Reward, selected.CaptionReward!.Value));
        Assert.Equal([1f, 1f, 1f, 1f, 0.75f, 0.75f, 0.75f, 0.75f, 0.5f, 0.5f, 0.5f, 0.5f], trajectories.Select(trajectory => trajectory.CaptionReward!.Value));
        Assert.Equal(store.Questions[0].ImagePaths(), selected.Question.ImagePaths());
        Assert.Equal("kept", selected.UnknownFields.Single(field => field.Key == "note").Value.GetString());
        Assert.Equal(
            new RolloutSummary
            {
                Pairs = 1, IncompletePairs = 0, MeanReward = 9 / 12.0, CaptionsPassing = 1 / 3.0, PairsKept = 1, PairsWithAnyRight = 1, Truncated = 0, Selected = 1, MeanSelectedLength = 20,
            },
            summary);

        summary = RolloutStages.Reward(store, CountMarks, options with { Mode = SelectionMode.NoCaptionReward, WriteUnselected = false }, path, cancellation: Cancellation);
        selected = Assert.IsType<TrajectoryRecord>(Assert.Single(RecordReader.Read(path)));
        Assert.Equal((2, 0), (selected.CaptionIndex, selected.TrajectoryIndex));
        Assert.Equal(5, summary.MeanSelectedLength);
    }

    [Fact]
    public async Task A_truncated_answer_is_neither_right_nor_selected_in_any_mode()
    {
        ScriptedReasoner reasoner = new((_, _, n) => new ReasoningAnswer("\\boxed{golden answer 0}", Truncated: n == 0));
        RolloutOptions options = new() { Captions = 1, Answers = 2, Alpha = 0.25f, Keep = 8 };
        using RolloutStore store = RolloutStore.Create(Store, Questions(1));
        await RolloutStages.Caption(store, new RecordingCaptioner(), options, cancellation: Cancellation);
        await RolloutStages.Reason(store, reasoner, options, cancellation: Cancellation);
        foreach (SelectionMode mode in Enum.GetValues<SelectionMode>())
        {
            string path = _folder.File($"{mode}.jsonl");
            RolloutSummary summary = RolloutStages.Reward(store, CountMarks, options with { Mode = mode }, path, cancellation: Cancellation);
            Assert.Equal((0.5, 0.5, 1), (summary.MeanReward, summary.Truncated, summary.Selected));
            TrajectoryRecord truncated = (TrajectoryRecord)RecordReader.Read(path).First();
            Assert.Equal((true, false, 0f, 0f), (truncated.Truncated, truncated.Selected, truncated.Reward, truncated.OutcomeReward!.Value));
        }
    }

    [Fact]
    public async Task A_stage_that_was_stopped_goes_on_with_what_is_missing()
    {
        ScriptedReasoner whole = new((q, k, n) => new ReasoningAnswer($"{q}{k}{n}"));
        int calls = 0;
        ScriptedReasoner failing = new((q, k, n) => Interlocked.Increment(ref calls) > 5 ? throw new InvalidDataException("enough") : new ReasoningAnswer($"{q}{k}{n}"));
        using (RolloutStore store = RolloutStore.Create(Store, Questions(2)))
        {
            await RolloutStages.Caption(store, new RecordingCaptioner(), Small, cancellation: Cancellation);
            await Assert.ThrowsAsync<InvalidDataException>(() => RolloutStages.Reason(store, failing, Small, cancellation: Cancellation));
        }

        using RolloutStore again = RolloutStore.Open(Store);
        RecordingCaptioner idle = new();
        await RolloutStages.Caption(again, idle, Small, cancellation: Cancellation);
        Assert.Empty(idle.Requests);
        List<RolloutProgress> progress = [];
        await RolloutStages.Reason(again, whole, Small, new Recorder(progress), Cancellation);
        Assert.Equal(5, progress[0].Done);
        Assert.Equal(2 * 2 * 3 - 5, whole.Requests.Count);
        Assert.Equal(new RolloutProgress("reason", 12, 12), progress[^1]);
        Assert.Equal("112", again.ReadAnswer(1, 1, 2).Text);
    }

    [Fact]
    public async Task A_canceled_stage_keeps_the_answers_it_has()
    {
        using CancellationTokenSource cancel = new();
        using RolloutStore store = RolloutStore.Create(Store, Questions(2));
        int calls = 0;
        ScriptedReasoner reasoner = new((_, _, _) =>
        {
            if (Interlocked.Increment(ref calls) == 4) cancel.Cancel();
            return new ReasoningAnswer("x");
        });
        await RolloutStages.Caption(store, new RecordingCaptioner(), Small, cancellation: Cancellation);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RolloutStages.Reason(store, reasoner, Small, cancellation: cancel.Token));
        int kept = 0;
        for (int k = 0; k < 2; k++)
        {
            for (int n = 0; n < 3; n++) kept += store.HasAnswer(0, k, n) ? 1 : 0;
        }

        Assert.InRange(kept, 4, 5);
    }

    [Fact]
    public async Task Captions_come_first_and_numbers_cannot_change_on_the_way()
    {
        using RolloutStore store = RolloutStore.Create(Store, Questions(1));
        ScriptedReasoner reasoner = new((_, _, _) => new ReasoningAnswer("x"));
        Assert.Contains("finish the caption stage first", (await Assert.ThrowsAsync<InvalidDataException>(() => RolloutStages.Reason(store, reasoner, Small, cancellation: Cancellation))).Message);
        await RolloutStages.Caption(store, new RecordingCaptioner(), Small, cancellation: Cancellation);
        await Assert.ThrowsAsync<InvalidDataException>(() => RolloutStages.Caption(store, new RecordingCaptioner(), Small with { Captions = 3 }, cancellation: Cancellation));
        Assert.Equal((2, 3), (new RolloutOptions().WithNumbersOf(store).Captions, new RolloutOptions().WithNumbersOf(store).Answers));
    }

    [Fact]
    public async Task Incomplete_pairs_are_left_out_and_counted_and_shards_share_the_questions()
    {
        Shard first = Shard.Parse("1/2");
        using RolloutStore store = RolloutStore.Create(Store, Questions(5));
        ScriptedReasoner reasoner = new((q, _, _) => new ReasoningAnswer($"\\boxed{{golden answer {q}}}"));
        await RolloutStages.Caption(store, new RecordingCaptioner(), Small with { Shard = first }, cancellation: Cancellation);
        await RolloutStages.Reason(store, reasoner, Small with { Shard = first }, cancellation: Cancellation);
        Assert.Equal([0, 2, 4], Enumerable.Range(0, 5).Where(question => store.HasCaption(question, 0)));
        RolloutSummary summary = RolloutStages.Reward(store, CountMarks, Small, _folder.File("t.jsonl"), cancellation: Cancellation);
        Assert.Equal((3, 2, 3, 1.0), (summary.Pairs, summary.IncompletePairs, summary.Selected, summary.CaptionsPassing));
    }

    [Theory]
    [InlineData("0/2")]
    [InlineData("3/2")]
    [InlineData("1")]
    [InlineData("a/b")]
    [InlineData("-1/2")]
    public void A_shard_that_is_none_is_named(string text) => Assert.Contains(text, Assert.Throws<ArgumentException>(() => Shard.Parse(text)).Message);

    [Fact]
    public async Task A_question_without_image_or_gold_answer_is_named()
    {
        using (RolloutStore store = RolloutStore.Create(Store, [new QuestionRecord { Id = "a", Question = "q", Answer = "5" }]))
        {
            Assert.Contains("expected an image to describe", (await Assert.ThrowsAsync<InvalidDataException>(() => RolloutStages.Caption(store, new RecordingCaptioner(), Small, cancellation: Cancellation))).Message);
        }

        using RolloutStore other = RolloutStore.Create(_folder.File("other"), [Questions(1)[0] with { Answer = null }]);
        await RolloutStages.Caption(other, new RecordingCaptioner(), Small, cancellation: Cancellation);
        await RolloutStages.Reason(other, new ScriptedReasoner((_, _, _) => new ReasoningAnswer("x")), Small, cancellation: Cancellation);
        string path = _folder.File("t.jsonl");
        Assert.Contains("a gold answer to judge by", Assert.Throws<InvalidDataException>(() => RolloutStages.Reward(other, CountMarks, Small, path, cancellation: Cancellation)).Message);
        Assert.False(File.Exists(path));
    }

    private static RolloutOptions Small => new() { Captions = 2, Answers = 3, Seed = 9 };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static int CountMarks(string text) => text.Count(c => c == '#');

    private List<QuestionRecord> Questions(int count)
    {
        string image = _folder.Write("images/shared.png", "");
        return
        [
            .. Enumerable.Range(0, count).Select(i => (QuestionRecord)RecordReader.Parse(JsonLine.Parse(
                _folder.File("questions.jsonl"), i + 1,
                System.Text.Encoding.UTF8.GetBytes($$"""{"id":"{{i}}","question":"an unmistakable question {{i}}","image":"images/shared.png","answer":"golden answer {{i}}","note":"kept"}""")))),
        ];
    }

    private sealed class RecordingCaptioner : ICaptioner
    {
        public List<CaptionRequest> Requests { get; } = [];

        public int PreferredRequests => 2;

        public Task<IReadOnlyList<IReadOnlyList<GeneratedCaption>>> Caption(IReadOnlyList<CaptionRequest> requests, CancellationToken cancellation)
        {
            Requests.AddRange(requests);
            return Task.FromResult<IReadOnlyList<IReadOnlyList<GeneratedCaption>>>(
            [
                .. requests.Select(request => (IReadOnlyList<GeneratedCaption>)
                    [.. Enumerable.Range(request.FirstIndex, request.Count).Select(k => new GeneratedCaption($"caption {k} of {request.Sample}"))]),
            ]);
        }
    }

    private sealed class ScriptedReasoner(Func<int, int, int, ReasoningAnswer> answer) : IReasoner
    {
        public List<ReasoningRequest> Requests { get; } = [];

        public int Concurrency => 2;

        public async Task<ReasoningAnswer> Reason(ReasoningRequest request, CancellationToken cancellation)
        {
            lock (Requests) Requests.Add(request);
            await Task.Yield();
            return answer(int.Parse(request.Id), request.CaptionIndex, request.AnswerIndex);
        }
    }

    private sealed class Recorder(List<RolloutProgress> reports) : IProgress<RolloutProgress>
    {
        public void Report(RolloutProgress value) => reports.Add(value);
    }
}
