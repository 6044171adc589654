using System.Text.Json;
using Sophia.Native.Models;
using Sophia.Native.Pipeline;

namespace Sophia.Native.Tests.Training;

/// <summary>When a run evaluates, and that it trains on as if it had not.</summary>
public sealed class EvaluationDuringTrainingTests : IDisposable
{
    private static readonly Sample[] Samples = TinyModel.Samples(7);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(4, new[] { 4, 8, 10 })]
    [InlineData(5, new[] { 5, 10 })]
    [InlineData(100, new[] { 10 })]
    public void There_is_one_every_so_many_steps_and_one_at_the_end(int every, int[] steps)
    {
        var seen = new List<int>();
        RunFolder.Execute(_folder.File("out"), RunFolder.Recipe with { EvaluateEvery = every }, Samples, evaluate: (step, _) =>
        {
            seen.Add(step);
            return [new("loss", -step)];
        });
        Assert.Equal(steps, seen);
        Assert.Equal(steps.Select(step => (step, -(double)step)), Evaluations("out"));
    }

    [Fact]
    public void An_evaluation_changes_no_bit_of_the_training()
    {
        RunFolder.Execute(_folder.File("without"), RunFolder.Recipe, Samples);
        TinyModel? tiny = null;
        var losses = new List<double>();
        RunFolder.Execute(_folder.File("with"), RunFolder.Recipe with { EvaluateEvery = 3 }, Samples, prepare: model => tiny = model, evaluate: (_, _) =>
        {
            using var scorer = new SampleScorer(tiny!.Model);
            losses.Add(-scorer.Score(TinyModel.Sample(99, 40, 1), 1f).LogProbabilities.Sum());
            return [];
        });
        Assert.Equal(4, losses.Distinct().Count());
        Assert.Equal(RunFolder.Metrics(_folder.File("without")), RunFolder.Metrics(_folder.File("with")).Where(line => !line.Contains("evaluation", StringComparison.Ordinal)));
        foreach (var file in (string[])["model.safetensors", "optimizer.safetensors"])
            Assert.Equal(File.ReadAllBytes(_folder.File($"without/checkpoints/step-00000010/{file}")), File.ReadAllBytes(_folder.File($"with/checkpoints/step-00000010/{file}")));
    }

    [Theory]
    [InlineData(3, 3)]
    [InlineData(6, 6)]
    [InlineData(10, 10)]
    public void One_that_is_interrupted_is_made_up_for_when_the_run_goes_on(int interruptedAt, int savedAt)
    {
        var recipe = RunFolder.Recipe with { EvaluateEvery = 3 };
        IReadOnlyList<KeyValuePair<string, double>> Measure(int step, CancellationToken _) => [new("loss", step * 0.5)];
        RunFolder.Execute(_folder.File("unbroken"), recipe, Samples, evaluate: Measure);
        using (var interruption = new CancellationTokenSource())
        {
            Assert.Throws<OperationCanceledException>(() => RunFolder.Execute(_folder.File("out"), recipe, Samples, interruption: interruption, evaluate: (step, token) =>
            {
                if (step == interruptedAt)
                    interruption.Cancel();
                token.ThrowIfCancellationRequested();
                return Measure(step, token);
            }));
        }
        Assert.True(Directory.Exists(Path.Combine(RunFolder.Checkpoints(_folder.File("out")), $"step-{savedAt:D8}")));
        Assert.DoesNotContain(interruptedAt, Evaluations("out").Select(evaluation => evaluation.Step));
        RunFolder.Execute(_folder.File("out"), recipe, Samples, resume: true, evaluate: Measure);
        Assert.Equal(Evaluations("unbroken"), Evaluations("out"));
        Assert.Equal(RunFolder.Metrics(_folder.File("unbroken")), RunFolder.Metrics(_folder.File("out")));
    }

    [Fact]
    public void A_fault_of_an_evaluation_is_one_of_the_run() =>
        Assert.Throws<InvalidDataException>(() => RunFolder.Execute(_folder.File("out"), RunFolder.Recipe with { EvaluateEvery = 1 }, Samples, evaluate: (_, _) => throw new InvalidDataException("x")));

    private List<(int Step, double Loss)> Evaluations(string run)
    {
        var evaluations = new List<(int, double)>();
        foreach (var line in File.ReadLines(Path.Combine(_folder.File(run), "metrics.jsonl")))
        {
            var value = JsonElement.Parse(line);
            if (value.TryGetProperty("evaluation", out var evaluation))
                evaluations.Add((value.GetProperty("step").GetInt32(), evaluation.GetProperty("loss").GetDouble()));
        }
        return evaluations;
    }
}
