using Sophia.Native.Conformance.Golden;
using Sophia.Native.Cuda.Tests.Conformance;
using Sophia.Native.Models;
using Sophia.Native.Objectives;
using Sophia.Native.Training;

namespace Sophia.Native.Cuda.Tests.Golden;

/// <summary>Steps of the golden model on the emulator's fast device, or the machine's first GPU.</summary>
public sealed class TrainingTests(CudaFastFamily family) : IClassFixture<CudaFastFamily>
{
    [Theory]
    [InlineData(ElementType.Float32)]
    [InlineData(ElementType.BFloat16)]
    public void After_the_first_steps_a_step_allocates_nothing(ElementType storage)
    {
        using var golden = Open(family.Subject, storage);
        using var trainer = Train(golden, golden.Plan(tokens: 128), storage);
        Sample[] samples = [golden.Sample(3), golden.Sample(0)];
        for (var step = 0; step < 2; step++)
            trainer.Step(samples, 1e-3);
        var before = GC.GetAllocatedBytesForCurrentThread();
        trainer.Step(samples, 1e-3);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Theory]
    [InlineData(ElementType.Float32)]
    [InlineData(ElementType.BFloat16)]
    public void Two_runs_end_with_the_same_bits_and_their_losses_fall_as_on_the_processor(ElementType storage)
    {
        var (losses, parameters) = Run(family.Subject, storage);
        var again = Run(family.Subject, storage);
        Assert.Equal(losses, again.Losses);
        Assert.Equal(parameters, again.Parameters);
        using var cpu = Backend.Open("cpu");
        var expected = Run(cpu, ElementType.Float32).Losses;
        // Measured: 1.6e-6 in Float32, 0.063 in BFloat16.
        var allowed = storage == ElementType.Float32 ? 1e-5 : 0.2;
        for (var step = 0; step < losses.Length; step++)
            Assert.Equal(expected[step], losses[step], allowed);
        // In micro-batches of one sample: the loss is the same, gradients of parameters are sums in another order.
        var split = Run(family.Subject, storage, tokens: 40).Losses;
        Assert.Equal(losses[0], split[0]);
        for (var step = 0; step < losses.Length; step++)
            Assert.Equal(losses[step], split[step], allowed);
        Assert.True(losses[^1] < losses[0] - 10.0, $"The loss went from {losses[0]} to {losses[^1]}.");
    }

    private static (double[] Losses, float[] Parameters) Run(Backend backend, ElementType storage, int tokens = 128)
    {
        using var golden = Open(backend, storage);
        using var trainer = Train(golden, golden.Plan(tokens: tokens), storage);
        var losses = new double[4];
        for (var step = 0; step < losses.Length; step++)
            losses[step] = trainer.Step([golden.Sample(3), golden.Sample(0)], 1e-3).Loss;
        return (losses, [.. golden.Parameters.Layout.Parameters.SelectMany(golden.Read)]);
    }

    private static GoldenModel Open(Backend backend, ElementType storage) =>
        new("internlm2-vit300m", "hf", backend, storage, ParameterGroup.Vision, ParameterGroup.Projector, ParameterGroup.Decoder);

    private static Trainer Train(GoldenModel golden, ModelPlan plan, ElementType moments) => new(golden.Model, new()
    {
        MicroBatch = plan,
        Normalization = NormalizationMode.TokenMean,
        Optimizer = new() { Moments = moments, RoundingSeed = 1 },
    });
}
