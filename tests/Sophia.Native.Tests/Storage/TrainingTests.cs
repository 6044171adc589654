using Sophia.Native.Models;
using Sophia.Native.Tests.Training;
using Sophia.Native.Training;

namespace Sophia.Native.Tests.Storage;

/// <summary>Steps in BFloat16.</summary>
public sealed class TrainingTests
{
    [Theory]
    [InlineData(ElementType.Float32)]
    [InlineData(ElementType.BFloat16)]
    public void After_a_step_the_model_reads_the_rounded_masters(ElementType moments)
    {
        using var tiny = new TinyModel([ParameterGroup.Decoder, ParameterGroup.Projector], storage: ElementType.BFloat16);
        using var trainer = new Trainer(tiny.Model, new() { MicroBatch = TinyModel.Plan(), Optimizer = new() { Moments = moments } });
        var before = tiny.Download(tiny.Parameters.Masters);
        for (var step = 0; step < 3; step++)
            Assert.True(trainer.Step(TinyModel.Samples(5), 1e-3).IsFinite);
        Assert.NotEqual(before, tiny.Download(tiny.Parameters.Masters));
        Assert.Equal(tiny.Parameters.TrainedCount * 2 * moments.Size(), trainer.Optimizer.Bytes);
        foreach (var segment in tiny.Parameters.TrainedSegments)
        {
            var (masters, workingCopy) = tiny.Parameters.Trained(segment);
            Assert.Equal(Array.ConvertAll(tiny.Download(masters), value => (float)(BFloat16)value), tiny.Download(workingCopy));
        }
    }

    [Fact]
    public void However_a_step_falls_into_micro_batches_it_has_the_same_bits()
    {
        Assert.Equal(Masters(TinyModel.Plan(2048, 64, 64)), Masters(TinyModel.Plan(40)));

        static float[] Masters(ModelPlan plan)
        {
            using var tiny = new TinyModel(TinyModel.AllGroups, storage: ElementType.BFloat16);
            using var trainer = new Trainer(tiny.Model, new() { MicroBatch = plan });
            trainer.Step(TinyModel.Samples(12), 1e-2);
            return tiny.Download(tiny.Parameters.Masters);
        }
    }

    /// <summary>Forty steps on the same samples with a positive weight: the loss of Float32 falls from 4.69 to 0.015; that of BFloat16 with either kind of moments was seen within 0.06 of it on the way and within 0.001 at the end.</summary>
    [Fact]
    public void A_model_learns_in_BFloat16_as_in_Float32()
    {
        var single = Losses(ElementType.Float32, ElementType.Float32);
        Assert.True(single[^1] < 0.01 * single[0], $"The loss went from {single[0]} to {single[^1]}.");
        foreach (var moments in (ElementType[])[ElementType.Float32, ElementType.BFloat16])
        {
            var half = Losses(ElementType.BFloat16, moments);
            for (var step = 0; step < single.Length; step++)
                Assert.True(Math.Abs(half[step] - single[step]) < 0.03 * single[0], $"Step {step}: {half[step]} with moments of {moments}, {single[step]} in Float32.");
        }

        static double[] Losses(ElementType storage, ElementType moments)
        {
            using var tiny = new TinyModel(TinyModel.AllGroups, storage: storage);
            using var trainer = new Trainer(tiny.Model, new() { MicroBatch = TinyModel.Plan(), Optimizer = new() { Moments = moments, RoundingSeed = 3 } });
            var samples = Array.ConvertAll(TinyModel.Samples(6), sample => sample with { TokenWeights = null });
            var losses = new double[40];
            for (var step = 0; step < losses.Length; step++)
                losses[step] = trainer.Step(samples, 5e-3).Loss;
            return losses;
        }
    }
}
