using System.Text.Json;
using Sophia.Native.Models;
using Sophia.Native.Models.Generation;
using Sophia.Native.Objectives;
using Sophia.Native.Training;
using Sophia.Native.Tests.Generation;
using Sophia.Native.Training.Recipes;

namespace Sophia.Native.Tests.Training;

/// <summary>Ratios and divergences through a whole run.</summary>
public sealed class RatioTests : IDisposable
{
    private static readonly Sample[] Samples = TinyModel.Samples(7);
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<ImportanceRatio, BehaviorSource, DivergenceEstimator, ReferenceSource> Everything
    {
        get
        {
            var data = new TheoryData<ImportanceRatio, BehaviorSource, DivergenceEstimator, ReferenceSource>();
            foreach (var ratio in Enum.GetValues<ImportanceRatio>())
            {
                foreach (var behavior in Enum.GetValues<BehaviorSource>())
                    data.Add(ratio, behavior, (DivergenceEstimator)(data.Count() % 4), (ReferenceSource)(data.Count() / 2 % 2));
            }
            data.Add(ImportanceRatio.One, BehaviorSource.Record, DivergenceEstimator.K1, ReferenceSource.Initial);
            data.Add(ImportanceRatio.One, BehaviorSource.Record, DivergenceEstimator.K2, ReferenceSource.Initial);
            data.Add(ImportanceRatio.One, BehaviorSource.Record, DivergenceEstimator.K3, ReferenceSource.Initial);
            return data;
        }
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Everything))]
    public void Every_ratio_and_divergence_trains_with_finite_and_plausible_metrics(ImportanceRatio ratio, BehaviorSource behavior, DivergenceEstimator divergence, ReferenceSource reference)
    {
        var recipe = RunFolder.Recipe with
        {
            Ratio = ratio, Behavior = behavior, Divergence = divergence, DivergenceCoefficient = divergence == DivergenceEstimator.None ? 0 : 0.05, Reference = reference, ClipLow = 0.5, ClipHigh = 2,
        };
        RunFolder.Execute(_folder.File("out"), recipe, Samples);
        foreach (var metrics in Lines("out"))
        {
            foreach (var property in metrics.EnumerateObject())
                Assert.True(property.Value.ValueKind == JsonValueKind.Number && double.IsFinite(property.Value.GetDouble()), property.ToString());
            Assert.InRange(Number(metrics, "entropy"), 0, Math.Log(TinyModel.Vocabulary));
            Assert.InRange(Number(metrics, "clip_fraction"), 0, 1);
            Assert.InRange(Number(metrics, "effective_sample_share"), 0, 1 + 1e-12);
            Assert.InRange(Number(metrics, "ratio_mean"), 0, Number(metrics, "ratio_max"));
            Assert.InRange(Number(metrics, "ratio_p50"), 0, Number(metrics, "ratio_p95"));
            Assert.True(Number(metrics, "reference_kl") >= 0);
            Assert.True(Number(metrics, "grad_norm") > 0);
            if (ratio == ImportanceRatio.One)
                Assert.Equal((1, 1, 0), (Number(metrics, "ratio_mean"), Number(metrics, "ratio_max"), Number(metrics, "clip_fraction")));
        }
        if (ratio != ImportanceRatio.One)
            Assert.Contains(Lines("out"), metrics => Number(metrics, "ratio_mean") != 1);
    }

    [Theory]
    [InlineData(ImportanceRatio.Token)]
    [InlineData(ImportanceRatio.Sequence)]
    [InlineData(ImportanceRatio.Multiple)]
    public void The_ratio_to_the_own_log_probabilities_is_exactly_one_before_the_first_update(ImportanceRatio ratio)
    {
        // A clip of nothing but one: any other ratio would be counted.
        var recipe = RunFolder.Recipe with { Ratio = ratio, Behavior = BehaviorSource.Snapshot, ClipLow = 1, ClipHigh = 1, Divergence = DivergenceEstimator.K3, DivergenceCoefficient = 1, Reference = ReferenceSource.Initial };
        Sample[] bare = [.. Samples.Select(sample => sample with { BehaviorLogProbabilities = null, ReferenceLogProbabilities = null })];
        var notices = 0;
        RunFolder.Execute(_folder.File("out"), recipe, bare, notice: _ => notices++, threads: 2);
        var first = Lines("out")[0];
        Assert.Equal((1, 1, 0, 0, 0, 1),
            (Number(first, "ratio_mean"), Number(first, "ratio_max"), Number(first, "clip_fraction"), Number(first, "behavior_kl"), Number(first, "reference_kl"), Number(first, "effective_sample_share")));
        Assert.True(Number(Lines("out")[^1], "clip_fraction") > 0.5);
        Assert.Equal(0, notices);
    }

    [Fact]
    public void Without_behavior_log_probabilities_the_ratio_falls_to_one_and_says_so_once()
    {
        Sample[] bare = [.. Samples.Select(sample => sample with { BehaviorLogProbabilities = null })];
        var notices = new List<string>();
        RunFolder.Execute(_folder.File("out"), RunFolder.Recipe with { Ratio = ImportanceRatio.Sequence }, bare, notice: notices.Add);
        Assert.Contains("the ratio is one instead of sequence", Assert.Single(notices));
        RunFolder.Execute(_folder.File("one"), RunFolder.Recipe with { Ratio = ImportanceRatio.One }, bare, notice: notices.Add);
        Assert.Single(notices);
        Assert.Equal(RunFolder.Metrics(_folder.File("one")), RunFolder.Metrics(_folder.File("out")));
    }

    [Fact]
    public void The_ratio_of_a_record_is_that_of_its_log_probabilities()
    {
        var recipe = RunFolder.Recipe with { Ratio = ImportanceRatio.Token, Steps = 1, BatchSequences = 7, ClipLow = null, ClipHigh = null };
        RunFolder.Execute(_folder.File("out"), recipe, Samples);
        using var tiny = new TinyModel(TinyModel.AllGroups);
        using var trainer = new Trainer(tiny.Model, new() { MicroBatch = TinyModel.Plan() });
        var logProbabilities = new float[Samples.Length][];
        trainer.Snapshot(Samples, logProbabilities);
        var (sum, tokens, divergence) = (0.0, 0, 0.0);
        for (var i = 0; i < Samples.Length; i++)
        {
            for (var t = 1; t < Samples[i].Length; t++)
            {
                if (!Samples[i].LossMask![t])
                    continue;
                tokens++;
                sum += Math.Exp((double)logProbabilities[i][t] - Samples[i].BehaviorLogProbabilities![t]);
                divergence += (double)Samples[i].BehaviorLogProbabilities![t] - logProbabilities[i][t];
            }
        }
        var metrics = Lines("out")[0];
        Assert.Equal(tokens, Number(metrics, "trained_tokens"));
        Assert.Equal(sum / tokens, Number(metrics, "ratio_mean"), sum / tokens * 1e-5);
        Assert.Equal(divergence / tokens, Number(metrics, "behavior_kl"), 1e-5);
    }

    [Fact]
    public void Log_probabilities_recorded_while_generating_give_the_ratio_one_at_the_temperature_of_the_records()
    {
        const float temperature = 0.7f;
        var requests = GenerationFixture.Requests(seed: 6, count: 5);
        GenerationResult[] results;
        using (var tiny = new TinyModel([]))
            results = GenerationFixture.Generate(tiny, requests, new() { MaximumNewTokens = 14, Sampling = new() { Temperature = temperature, Seed = 3 } });
        Sample[] samples = [.. requests.Zip(results, (request, result) => Continuation(request, result, temperature))];
        // A clip of nothing but one: any other ratio would be counted.
        var recipe = RunFolder.Recipe with { Ratio = ImportanceRatio.Token, ClipLow = 1, ClipHigh = 1, Divergence = DivergenceEstimator.K3, DivergenceCoefficient = 1, Reference = ReferenceSource.Initial };
        RunFolder.Execute(_folder.File("out"), recipe, samples, threads: 2);
        var first = Lines("out")[0];
        Assert.Equal((1, 1, 0, 0, 0), (Number(first, "ratio_mean"), Number(first, "ratio_max"), Number(first, "clip_fraction"), Number(first, "behavior_kl"), Number(first, "reference_kl")));
        RunFolder.Execute(_folder.File("one"), recipe, [.. samples.Select(sample => sample with { Temperature = 1 })]);
        Assert.NotEqual(1, Number(Lines("one")[0], "ratio_mean"));
        // The temperature decides the run, so that a resumption at another one is another run.
        Assert.Throws<InvalidDataException>(() => RunFolder.Execute(_folder.File("out"), recipe, [.. samples.Select(sample => sample with { Temperature = 1 })], resume: true));
    }

    [Fact]
    public void Records_of_several_temperatures_are_refused()
    {
        Sample[] mixed = [.. Samples.Select((sample, i) => i == 3 ? sample with { Temperature = 0.7f } : sample)];
        var message = Assert.Throws<InvalidDataException>(() => RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, mixed)).Message;
        Assert.Contains("records of one temperature, found 1 in 'sample 0' and 0.7 in 'sample 3'", message);
        Assert.False(Directory.Exists(_folder.File("out")));
    }

    private static Sample Continuation(GenerationRequest request, GenerationResult result, float temperature)
    {
        var prompt = request.PromptIds.Length;
        var mask = new bool[prompt + result.OutputIds.Length];
        mask.AsSpan(prompt).Fill(true);
        return new()
        {
            Id = request.Id,
            InputIds = [.. request.PromptIds, .. result.OutputIds],
            PixelValues = request.PixelValues,
            TileCount = request.TileCount,
            LossMask = mask,
            BehaviorLogProbabilities = [.. new float[prompt], .. result.LogProbabilities],
            Temperature = temperature,
        };
    }

    private List<JsonElement> Lines(string folder) => [.. File.ReadLines(Path.Combine(_folder.File(folder), "metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];

    private static double Number(JsonElement metrics, string name) => metrics.GetProperty(name).GetDouble();
}
