using Sophia.Native.Models;
using Sophia.Native.Models.Files;
using Sophia.Native.Objectives;
using Sophia.Native.Training;
using Sophia.Native.Training.Runs;

namespace Sophia.Native.Tests.Training;

/// <summary>What happens when a loss or a gradient stops being a number.</summary>
public sealed class DivergenceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_poisoned_record_stops_the_run_and_the_state_before_its_step_is_saved()
    {
        var recipe = RunFolder.Recipe with { Shuffle = false, CheckpointEvery = 0, Steps = 5 };
        var samples = TinyModel.Samples(15);
        Sample[] poisoned = [.. samples];
        poisoned[10] = samples[10] with { TokenWeights = [.. samples[10].TokenWeights!] };
        Array.Fill(poisoned[10].TokenWeights!, float.NaN);
        var fault = Assert.Throws<TrainingDivergedException>(() => RunFolder.Execute(_folder.File("out"), recipe, poisoned));
        Assert.StartsWith("Step 4: expected a finite loss and gradient, found loss NaN", fault.Message);
        Assert.Contains("the token weight of sample 'sample 10'", fault.Message);
        var saved = Path.Combine(RunFolder.Checkpoints(_folder.File("out")), "step-00000003");
        Assert.Contains(saved, fault.Message);
        RunFolder.Execute(_folder.File("good"), recipe with { CheckpointEvery = 3 }, samples);
        Assert.Equal(RunFolder.Metrics(_folder.File("good"))[..3], RunFolder.Metrics(_folder.File("out")));
        foreach (var name in (string[])["model.safetensors", "optimizer.safetensors"])
            Assert.Equal(File.ReadAllBytes(Path.Combine(RunFolder.Checkpoints(_folder.File("good")), "step-00000003", name)), File.ReadAllBytes(Path.Combine(saved, name)));
        // The saved state resumes and meets the same record again.
        Assert.Throws<TrainingDivergedException>(() => RunFolder.Execute(_folder.File("out"), recipe, poisoned, resume: true));
        Assert.Equal(3, RunFolder.Metrics(_folder.File("out")).Length);
    }

    [Theory]
    [InlineData("decoder.layers.1.down.weight", float.NaN)]
    [InlineData("vision.patch.weight", float.PositiveInfinity)]
    public void A_poisoned_parameter_is_named(string parameter, float value)
    {
        var fault = Assert.Throws<TrainingDivergedException>(() => RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, [TinyModel.Sample(0, 12, 1)], prepare: tiny => tiny.Poison(parameter, value)));
        Assert.Contains($"the parameter {parameter} is not finite before the step", fault.Message);
        Assert.Empty(RunFolder.Metrics(_folder.File("out")));
        using var tiny = new TinyModel([]);
        CheckpointReader.Read(Path.Combine(RunFolder.Checkpoints(_folder.File("out")), "step-00000000"), tiny.Parameters.Layout, tiny.Parameters);
        Assert.Equal(1, tiny.Values().Count(number => !float.IsFinite(number)));
    }

    [Fact]
    public void A_model_that_overflows_on_one_sample_is_traced_to_it()
    {
        var sample = TinyModel.Sample(1, 14, 1);
        Array.Fill(sample.PixelValues!, 3e38f);
        var fault = Assert.Throws<TrainingDivergedException>(() => RunFolder.Execute(_folder.File("out"), RunFolder.Recipe with { Shuffle = false }, [TinyModel.Sample(0, 12), sample, TinyModel.Sample(2, 12)]));
        Assert.Contains("Step 1:", fault.Message);
        Assert.Contains("of sample 'sample 1' is not finite", fault.Message);
    }

    [Theory]
    [InlineData(float.NaN, 0f)]
    [InlineData(float.PositiveInfinity, 0f)]
    [InlineData(1f, 1e30f)]
    public void A_step_that_is_not_finite_changes_neither_parameters_nor_moments(float weight, float reference)
    {
        using var tiny = new TinyModel(TinyModel.AllGroups);
        // A divergence of 1e30 overflows the loss by its square; with k2 the gradient may overflow or not, the update must not happen either way.
        var objective = reference == 0 ? new ObjectiveOptions() : new ObjectiveOptions { Divergence = DivergenceEstimator.K2, DivergenceCoefficient = 1e-30f };
        using var trainer = new Trainer(tiny.Model, new() { Objective = objective, MicroBatch = TinyModel.Plan() });
        var good = TinyModel.Sample(3, 20, 1);
        Assert.True(trainer.Step([good], 1e-2).IsFinite);
        var (values, first, second) = (tiny.Values(), tiny.Download(trainer.Optimizer.FirstMoments), tiny.Download(trainer.Optimizer.SecondMoments));
        var bad = good with { TokenWeights = [.. good.TokenWeights!], ReferenceLogProbabilities = [.. good.ReferenceLogProbabilities!] };
        Array.Fill(bad.TokenWeights!, weight);
        Array.Fill(bad.ReferenceLogProbabilities!, reference);
        var report = trainer.Step([bad], 1e-2);
        Assert.False(report.IsFinite);
        Assert.Equal(1, trainer.Optimizer.StepCount);
        Assert.Equal(values, tiny.Values());
        Assert.Equal(first, tiny.Download(trainer.Optimizer.FirstMoments));
        Assert.Equal(second, tiny.Download(trainer.Optimizer.SecondMoments));
        Assert.True(trainer.Step([good], 1e-2).IsFinite);
        Assert.Equal(2, trainer.Optimizer.StepCount);
    }

    [Fact]
    public void A_loss_beyond_the_numbers_stops_the_update_even_where_its_gradient_is_finite()
    {
        using var tiny = new TinyModel(TinyModel.AllGroups);
        using var trainer = new Trainer(tiny.Model, new()
        {
            Objective = new() { Divergence = DivergenceEstimator.K2, DivergenceCoefficient = 1f },
            MicroBatch = TinyModel.Plan(),
        });
        var sample = TinyModel.Sample(3, 20, 1);
        Array.Fill(sample.ReferenceLogProbabilities!, 1e20f);
        var values = tiny.Values();
        var report = trainer.Step([sample], 1e-2);
        Assert.True(double.IsFinite(report.GradientNorm), $"gradient norm {report.GradientNorm}");
        Assert.True(double.IsInfinity(report.Loss), $"loss {report.Loss}");
        Assert.False(report.IsFinite);
        Assert.Equal(values, tiny.Values());
    }

    [Fact]
    public void A_ratio_beyond_the_numbers_is_clipped_in_the_loss_and_null_in_the_metrics()
    {
        var sample = TinyModel.Sample(3, 20);
        Array.Fill(sample.BehaviorLogProbabilities!, -200f);
        RunFolder.Execute(_folder.File("out"), RunFolder.Recipe with { Ratio = ImportanceRatio.Token, Steps = 2 }, [sample]);
        Assert.All(RunFolder.Metrics(_folder.File("out")), line =>
        {
            Assert.Contains("\"ratio_mean\":null", line);
            Assert.Contains("\"clip_fraction\":1,", line);
        });
    }
}
