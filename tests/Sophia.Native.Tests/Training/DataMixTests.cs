using System.Text.Json;
using Sophia.Native.Models;
using Sophia.Native.Training.Recipes;
using Sophia.Native.Training.Runs;

namespace Sophia.Native.Tests.Training;

public sealed class DataMixTests : IDisposable
{
    /// <summary>Images of one and two tiles, and text alone.</summary>
    private static readonly Sample[] Pictures = [TinyModel.Sample(0, 20, 1), TinyModel.Sample(1, 25, 2), TinyModel.Sample(2, 18, 1)];
    private static readonly Sample[] Traces = [.. Enumerable.Range(10, 5).Select(number => TinyModel.Sample(number, 12 + number % 3))];
    private static readonly Sample[] Talks = [TinyModel.Sample(20, 9), TinyModel.Sample(21, 11)];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(0.7, 0.2, 0.1)]
    [InlineData(5, 3, 1e-3)]
    [InlineData(1, 7, 11)]
    [InlineData(0.1, 0.2, 0.3)]
    public void After_any_number_of_sequences_every_source_has_given_its_share_to_within_one(double first, double second, double third)
    {
        SampleSource[] sources = [new("pictures", Pictures, first), new("traces", Traces, second), new("talks", Talks, third)];
        BatchPlanner planner = new([.. Pictures, .. Traces, .. Talks], sources, RunFolder.Recipe with { Steps = 5000, BatchSequences = 1 }, 3);
        var taken = new long[3];
        for (var n = 1; n <= 5000; n++)
        {
            var index = Assert.Single(planner.Next());
            taken[index < 3 ? 0 : index < 8 ? 1 : 2]++;
            Assert.Equal(1, planner.Counts.ToArray().Sum());
            for (var i = 0; i < 3; i++)
                Assert.InRange(taken[i] - n * sources[i].Weight / (first + second + third), -1 - 1e-9, 1 + 1e-9);
        }
    }

    [Fact]
    public void Every_source_goes_through_all_its_samples_before_it_begins_again_in_another_order()
    {
        SampleSource[] sources = [new("traces", Traces, 1), new("talks", Talks, 3)];
        BatchPlanner planner = new([.. Traces, .. Talks], sources, RunFolder.Recipe with { Steps = 100, BatchSequences = 4 }, 8);
        var (traces, talks) = (new List<int>(), new List<int>());
        for (var step = 0; step < 100; step++)
        {
            foreach (var index in planner.Next())
                (index < 5 ? traces : talks).Add(index);
            Assert.Equal([1, 3], planner.Counts.ToArray());
        }
        Assert.All(traces.Chunk(5), pass => Assert.Equal([0, 1, 2, 3, 4], pass.Order()));
        Assert.All(talks.Chunk(2), pass => Assert.Equal([5, 6], pass.Order()));
        Assert.True(traces.Chunk(5).Select(pass => string.Join(',', pass)).Distinct().Count() > 10);
    }

    [Fact]
    public void The_order_depends_on_the_seed_and_without_shuffling_it_is_that_of_the_files()
    {
        SampleSource[] sources = [new("traces", Traces, 1), new("talks", Talks, 1)];
        int[] Order(ulong seed, bool shuffle)
        {
            BatchPlanner planner = new([.. Traces, .. Talks], sources, RunFolder.Recipe with { Steps = 1, BatchSequences = 14, Shuffle = shuffle }, seed);
            return [.. planner.Next()];
        }
        Assert.Equal([0, 5, 1, 6, 2, 5, 3, 6, 4, 5, 0, 6, 1, 5], Order(0, false));
        Assert.Equal(Order(1, true), Order(1, true));
        Assert.NotEqual(Order(1, true), Order(2, true));
    }

    [Fact]
    public void An_epoch_is_as_many_sequences_as_the_sources_hold()
    {
        SampleSource[] sources = [new("traces", Traces, 1), new("talks", Talks, 1)];
        BatchPlanner planner = new([.. Traces, .. Talks], sources, RunFolder.Recipe with { Steps = 0, Epochs = 3, BatchSequences = 4 }, 0);
        Assert.Equal(6, planner.TotalSteps);
        Assert.Equal([4, 4, 4, 4, 4, 1], Enumerable.Range(0, 6).Select(_ => planner.Next().Count));
    }

    [Fact]
    public void A_mix_is_trained_and_counted_and_an_interrupted_run_goes_on_bitwise()
    {
        SampleSource[] sources = [new("pictures", Pictures, 2), new("traces.jsonl", Traces, 1), new("talks.jsonl", Talks, 1)];
        RunFolder.Execute(_folder.File("unbroken"), RunFolder.Recipe, sources);
        using (var interruption = new CancellationTokenSource())
        {
            Assert.Throws<OperationCanceledException>(() =>
                RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, sources, progress: progress => { if (progress.Step == 5) interruption.Cancel(); }, interruption: interruption));
        }
        RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, sources, resume: true);
        RunFolder.SameEnd(_folder.File("unbroken"), _folder.File("out"));
        var counts = RunFolder.Metrics(_folder.File("out")).Select(line => JsonElement.Parse(line).GetProperty("sequences")).ToArray();
        Assert.Equal(15, counts.Sum(count => count.GetProperty("pictures").GetInt32()));
        Assert.Equal(30, counts.Sum(count => count.EnumerateObject().Sum(entry => entry.Value.GetInt32())));
        Assert.All(counts, count => Assert.Equal(["pictures", "traces.jsonl", "talks.jsonl"], count.EnumerateObject().Select(entry => entry.Name)));
        Assert.Throws<InvalidDataException>(() => RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, [sources[0], sources[1] with { Weight = 2 }, sources[2]], resume: true));
    }

    [Fact]
    public void One_source_is_what_samples_alone_are()
    {
        RunFolder.Execute(_folder.File("samples"), RunFolder.Recipe, Traces);
        RunFolder.Execute(_folder.File("source"), RunFolder.Recipe, [new SampleSource("traces", Traces, 0.3)]);
        RunFolder.SameEnd(_folder.File("samples"), _folder.File("source"));
    }

    [Fact]
    public void A_batch_that_takes_a_source_more_than_once_is_said_once()
    {
        var notices = new List<string>();
        RunFolder.Execute(_folder.File("out"), RunFolder.Recipe with { Steps = 2, BatchSequences = 6 }, [new SampleSource("traces", Traces, 1), new("talks", Talks, 1)], notice: notices.Add);
        Assert.Equal("A batch holds more than all 2 records of talks, so that a step takes some of them several times.", Assert.Single(notices));
    }

    [Fact]
    public void Sources_that_cannot_be_mixed_are_refused()
    {
        Assert.Contains("talks: expected at least one record", Assert.Throws<InvalidDataException>(() => Execute(new("traces", Traces, 1), new("talks", [], 1))).Message);
        Assert.Contains("talks: expected a weight above 0, found 0", Assert.Throws<ArgumentException>(() => Execute(new("traces", Traces, 1), new("talks", Talks, 0))).Message);
        Assert.Contains("weight above 0", Assert.Throws<ArgumentException>(() => Execute(new("traces", Traces, double.NaN), new("talks", Talks, 1))).Message);
        Assert.Contains("another name", Assert.Throws<ArgumentException>(() => Execute(new("a", Traces, 1), new("a", Talks, 1))).Message);
        void Execute(params SampleSource[] sources) => RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, sources);
    }
}
