using Sophia.Native.Conformance.Golden;
using Sophia.Native.Models;
using Sophia.Native.Objectives;
using Sophia.Native.Tests.Cpu;
using Sophia.Native.Training;

namespace Sophia.Native.Tests.Training;

/// <summary>Two trainers that share every step through the seam for ranks, against one that has all of it.</summary>
public sealed class RankTests
{
    private const int Steps = 3;

    private static readonly Sample[] Samples = TinyModel.Samples(10);

    public static TheoryData<NormalizationMode> Modes => [.. Enum.GetValues<NormalizationMode>()];

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task Two_ranks_make_the_step_of_one(NormalizationMode mode) => await Compare(mode, [Samples[..4], Samples[4..]], null);

    [Fact]
    public async Task A_rank_without_samples_takes_part_in_the_step_all_the_same() => await Compare(NormalizationMode.TokenMean, [Samples, []], null);

    [Fact]
    public async Task Two_ranks_train_an_adapter_as_one_does() => await Compare(NormalizationMode.TokenMean, [Samples[..7], Samples[7..]], TinyModel.Adapter());

    [Fact]
    public async Task A_loss_that_is_not_finite_on_one_rank_stops_both_before_the_update()
    {
        var poisoned = Samples[5] with { TokenWeights = [.. Enumerable.Repeat(float.NaN, Samples[5].Length)] };
        var ranks = new InProcessRanks(2);
        var results = await Task.WhenAll(Start(() => Run(ranks[0], [.. Samples[..4]], 1)), Start(() => Run(ranks[1], [poisoned, .. Samples[6..]], 1)));
        using var fresh = new TinyModel(TinyModel.AllGroups);
        foreach (var result in results)
        {
            Assert.False(result.Reports[0].IsFinite);
            CpuFixture.SameBits(fresh.Values(), result.Values, "parameters");
        }
    }

    [Fact]
    public void A_step_in_which_no_rank_has_a_trained_token_is_an_error()
    {
        using var tiny = new TinyModel(TinyModel.AllGroups);
        using var trainer = new Trainer(tiny.Model, new() { MicroBatch = TinyModel.Plan() });
        Assert.Equal(1, SingleRank.Instance.Count);
        Assert.Contains("at least one trained token", Assert.Throws<InvalidDataException>(() => trainer.Step([], 0)).Message);
    }

    private static async Task Compare(NormalizationMode mode, Sample[][] shares, AdapterConfig? adapter)
    {
        var whole = Run(SingleRank.Instance, Samples, Steps, mode, adapter);
        var ranks = new InProcessRanks(2);
        var results = await Task.WhenAll(Start(() => Run(ranks[0], shares[0], Steps, mode, adapter)), Start(() => Run(ranks[1], shares[1], Steps, mode, adapter)));
        CpuFixture.SameBits(results[0].Values, results[1].Values, "parameters of the ranks");
        CpuFixture.SameBits(results[0].FirstMoments, results[1].FirstMoments, "moments of the ranks");
        Assert.Equal(results[0].Reports, results[1].Reports);
        Assert.Equal(results[0].Metrics, results[1].Metrics);

        // The first step begins in the same state. Its gradients are the same terms in fp32, added up as two chains instead of one: some units in the last place.
        var (distance, _) = GoldenModel.Distance(results[0].FirstGradients, whole.FirstGradients);
        Assert.True(distance < 2e-6, $"{distance}");
        // The same terms again, but for totals of roots, which may round a normalizer the other way: half a unit of fp32.
        Assert.Equal(whole.Reports[0].Loss, results[0].Reports[0].Loss, 1e-7 * Math.Max(1, Math.Abs(whole.Reports[0].Loss)));
        Assert.Equal(1, results[0].Reports[0].GradientNorm / whole.Reports[0].GradientNorm, 2e-6);
        Assert.Equal(whole.Metrics.Tokens, results[0].Metrics.Tokens);
        Assert.Equal(whole.Metrics.RatioMaximum, results[0].Metrics.RatioMaximum, 1e-3 * whole.Metrics.RatioMaximum);

        // AdamW divides by the root of the second moment, so that an element whose gradient is rounding noise may move by a whole step: the change of all is compared, as with the golden steps.
        using var fresh = new TinyModel(Trained(adapter), adapter: adapter);
        var start = fresh.Values();
        (distance, _) = GoldenModel.Distance([.. results[0].Values.Zip(start, (after, before) => after - before)], [.. whole.Values.Zip(start, (after, before) => after - before)]);
        Assert.True(distance < 1e-2, $"{distance}");
        Assert.NotEqual(start, results[0].Values);
    }

    private static ParameterGroup[] Trained(AdapterConfig? adapter) => adapter is null ? TinyModel.AllGroups : [ParameterGroup.Adapter];

    private static Task<Result> Start(Func<Result> run) => Task.Factory.StartNew(run, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static Result Run(IRankGroup ranks, Sample[] samples, int steps, NormalizationMode mode = NormalizationMode.TokenMean, AdapterConfig? adapter = null)
    {
        using var tiny = new TinyModel(Trained(adapter), adapter: adapter);
        using var trainer = new Trainer(tiny.Model, new() { Normalization = mode, MicroBatch = TinyModel.Plan(), Ranks = ranks, Objective = new() { Ratio = ImportanceRatio.Token } });
        var reports = new StepReport[steps];
        var gradients = Array.Empty<float>();
        for (var step = 0; step < steps; step++)
        {
            reports[step] = trainer.Step(samples, 1e-2);
            if (step == 0)
                gradients = tiny.Gradients();
        }
        return new(tiny.Values(), tiny.Download(trainer.Optimizer.FirstMoments), gradients, reports, (trainer.Metrics.Tokens, trainer.Metrics.RatioMaximum));
    }

    private sealed record Result(float[] Values, float[] FirstMoments, float[] FirstGradients, StepReport[] Reports, (double Tokens, double RatioMaximum) Metrics);
}
