using Sophia.Native.Models;
using Sophia.Native.Objectives;
using Sophia.Native.Tests.Cpu;
using Sophia.Native.Training;

namespace Sophia.Native.Tests.Training;

/// <summary>A step's loss and gradients, however its samples fall into micro-batches.</summary>
public sealed class GradientAccumulationTests
{
    private static readonly Sample[] Samples = TinyModel.Samples(40);

    /// <summary>Wide enough for several tiles of the matrix products, with channels that no vector divides.</summary>
    private static readonly InternVLConfig Wide = TinyModel.Config with
    {
        Vision = TinyModel.Config.Vision with { HiddenSize = 96, FeedForwardSize = 150 },
        Text = TinyModel.Config.Text with { HiddenSize = 204, HeadSize = 48, HeadCount = 4, KeyValueHeadCount = 2, FeedForwardSize = 390 },
    };

    public static TheoryData<NormalizationMode> Modes => [.. Enum.GetValues<NormalizationMode>()];

    [Theory]
    [MemberData(nameof(Modes))]
    public void Every_split_into_micro_batches_gives_the_same_bits_of_loss_metrics_and_gradients(NormalizationMode mode)
    {
        var whole = Run(mode, Plan(2048));
        foreach (var plan in (ModelPlan[])[Plan(40), Plan(64), Plan(2048) with { MaximumSequences = 1 }, Plan(2048) with { MaximumTiles = 5 }, Plan(300) with { HeadChunk = 7 }])
            Same(whole, Run(mode, plan), $"{plan.MaximumTokens} tokens, {plan.MaximumSequences} sequences");
    }

    [Theory]
    [MemberData(nameof(CpuFixture.PathsAndThreads), MemberType = typeof(CpuFixture))]
    public void A_wide_model_gives_the_same_bits_on_every_path_and_number_of_threads(string path, int threads)
    {
        var whole = Run(NormalizationMode.TokenMean, Plan(2048), path, 1, Wide);
        Same(whole, Run(NormalizationMode.TokenMean, Plan(90), path, threads, Wide), "90 tokens");
        Same(whole, Run(NormalizationMode.TokenMean, Plan(400), path, threads, Wide), "400 tokens");
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void The_loss_is_normalized_over_the_whole_step(NormalizationMode mode)
    {
        using var tiny = new TinyModel(TinyModel.AllGroups);
        using var trainer = new Trainer(tiny.Model, new() { Normalization = mode, MicroBatch = Plan(50) });
        var logProbabilities = new float[Samples.Length][];
        trainer.Snapshot(Samples, logProbabilities);
        var tokens = Samples.Sum(sample => sample.TrainedTokens);
        var roots = Samples.Sum(sample => Math.Sqrt(sample.TrainedTokens));
        var expected = 0.0;
        for (var i = 0; i < Samples.Length; i++)
        {
            var trained = Samples[i].TrainedTokens;
            var factor = mode switch
            {
                NormalizationMode.TokenMean => 1.0 / tokens,
                NormalizationMode.TokenSum => 1,
                NormalizationMode.SequenceMeanTokenSum => 1.0 / Samples.Length,
                NormalizationMode.SequenceMeanTokenMean => 1.0 / Samples.Length / trained,
                _ => 1 / (Math.Sqrt(trained) * roots),
            };
            for (var t = 1; t < Samples[i].Length; t++)
                expected -= Samples[i].LossMask![t] ? factor * Samples[i].TokenWeights![t] * logProbabilities[i][t] : 0;
        }
        // fp32 terms, summed in double: the error of a term is half a unit in its last place.
        Assert.Equal(expected, trainer.Step(Samples, 0).Loss, Math.Max(1, Math.Abs(expected)) * 1e-6);
    }

    [Fact]
    public void A_sequence_without_trained_tokens_and_a_weight_of_zero_are_counted_as_the_modes_say()
    {
        using var tiny = new TinyModel(TinyModel.AllGroups);
        using var trainer = new Trainer(tiny.Model, new() { Normalization = NormalizationMode.SequenceMeanTokenMean, MicroBatch = Plan(64) });
        var sample = TinyModel.Sample(0, 12) with { TokenWeights = null };
        var loss = trainer.Step([sample], 0).Loss;
        Assert.Equal(loss, trainer.Step([sample, TinyModel.Sample(1, 10) with { LossMask = null }], 0).Loss);
        Assert.Equal(loss / 2, trainer.Step([sample, TinyModel.Sample(1, 10) with { TokenWeights = new float[10] }], 0).Loss, 1e-7);
        Assert.Contains("at least one trained token", Assert.Throws<InvalidDataException>(() => trainer.Step([sample with { LossMask = null }], 0)).Message);
        Assert.Contains("at least one trained token", Assert.Throws<InvalidDataException>(() => trainer.Step([], 0)).Message);
    }

    [Fact]
    public void A_sample_that_fits_no_micro_batch_is_an_error_that_names_the_budget()
    {
        using var tiny = new TinyModel(TinyModel.AllGroups);
        using var trainer = new Trainer(tiny.Model, new() { MicroBatch = TinyModel.Plan(tokens: 20, tiles: 1) });
        Assert.Contains("raise micro_batch_tokens", Assert.Throws<InvalidDataException>(() => trainer.Step([TinyModel.Sample(0, 21)], 0)).Message);
        Assert.Contains("2 tiles", Assert.Throws<InvalidDataException>(() => trainer.Step([TinyModel.Sample(0, 18, 2)], 0)).Message);
    }

    [Fact]
    public void Missing_log_probabilities_are_an_error_instead_of_zeros()
    {
        using var tiny = new TinyModel(TinyModel.AllGroups);
        var bare = TinyModel.Sample(0, 12) with { BehaviorLogProbabilities = null, ReferenceLogProbabilities = null };
        using (var trainer = new Trainer(tiny.Model, new() { MicroBatch = Plan(64), Objective = new() { Ratio = ImportanceRatio.Token } }))
        {
            Assert.Contains("'sample 0'", Assert.Throws<InvalidDataException>(() => trainer.Step([bare], 0)).Message);
            Assert.Throws<ArgumentException>(() => trainer.Step([bare], 0, behavior: BehaviorSource.Snapshot));
            Assert.Throws<ArgumentException>(() => trainer.Step([bare], 0, [new float[11]], BehaviorSource.Snapshot));
            Assert.True(trainer.Step([bare], 0, [new float[12]], BehaviorSource.Snapshot).IsFinite);
        }
        using (var trainer = new Trainer(tiny.Model, new() { MicroBatch = Plan(64), Objective = new() { Divergence = DivergenceEstimator.K1 } }))
            Assert.Contains("reference", Assert.Throws<InvalidDataException>(() => trainer.Step([bare], 0)).Message);
    }

    private static ModelPlan Plan(int tokens) => TinyModel.Plan(tokens, sequences: 100, tiles: 100);

    private static void Same(StepResult expected, StepResult found, string what)
    {
        Assert.Equal(expected.Loss, found.Loss);
        Assert.Equal(expected.GradientNorm, found.GradientNorm);
        Assert.Equal(expected.Metrics, found.Metrics);
        foreach (var (name, gradient) in expected.Gradients)
        {
            Assert.Contains(gradient, value => value != 0);
            CpuFixture.SameBits(gradient, found.Gradients[name], $"{what}: {name}");
        }
    }

    private static StepResult Run(NormalizationMode mode, ModelPlan plan, string? path = null, int threads = 1, InternVLConfig? config = null)
    {
        using var tiny = new TinyModel(TinyModel.AllGroups, path, threads, config);
        using var trainer = new Trainer(tiny.Model, new() { Normalization = mode, MicroBatch = plan, Objective = new() { Ratio = ImportanceRatio.Token, Divergence = DivergenceEstimator.K3, DivergenceCoefficient = 0.1f } });
        var report = trainer.Step(Samples, 0);
        var metrics = trainer.Metrics;
        return new(report.Loss, report.GradientNorm, [metrics.Tokens, metrics.RatioMean, metrics.RatioMaximum, metrics.Entropy, metrics.BehaviorDivergence, metrics.ReferenceDivergence],
            tiny.Parameters.Layout.Parameters.ToDictionary(parameter => parameter.Name, parameter => tiny.Download(tiny.Parameters[parameter.Name].Gradient)));
    }

    private sealed record StepResult(double Loss, double GradientNorm, double[] Metrics, Dictionary<string, float[]> Gradients);
}
