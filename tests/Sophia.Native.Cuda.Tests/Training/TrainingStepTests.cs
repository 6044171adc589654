using Sophia.Native.Conformance.Golden;
using Sophia.Native.Cuda.Tests.Emulation;
using Sophia.Native.Models;
using Sophia.Native.Objectives;
using Sophia.Native.Training;

namespace Sophia.Native.Cuda.Tests.Training;

/// <summary>What a training step asks of the host: no waiting but for its metrics, and no memory.</summary>
[Collection(Alone.Name)]
public sealed class TrainingStepTests
{
    [Theory]
    [InlineData(ElementType.Float32, ImportanceRatio.One)]
    [InlineData(ElementType.BFloat16, ImportanceRatio.Token)]
    public void A_step_waits_for_the_device_only_to_read_its_metrics_and_allocates_nothing(ElementType storage, ImportanceRatio ratio)
    {
        if (Emulator.WhyNot is { } reason)
            Assert.Skip(reason);
        using var backend = CudaBackend.Open(new() { CompilesAhead = false });
        using var golden = new GoldenModel("internlm2-vit300m", "hf", backend, storage, ParameterGroup.Vision, ParameterGroup.Projector, ParameterGroup.Decoder);
        // One sample is a micro-batch of its own, so that a step has four.
        Sample[] samples = [golden.Sample(0), golden.Sample(1), golden.Sample(2), golden.Sample(3)];
        var longest = samples.Max(sample => sample.Length);
        using var trainer = new Trainer(golden.Model, new() { MicroBatch = golden.Plan() with { MaximumTokens = longest, MaximumSequences = 1 }, Objective = new() { Ratio = ratio } });
        samples = Array.ConvertAll(samples, sample => sample with { BehaviorLogProbabilities = new float[sample.Length] });
        var least = long.MaxValue;
        for (var step = 0; step < 5 && least > 0; step++)
        {
            var (waits, allocated) = (backend.HostWaits, GC.GetAllocatedBytesForCurrentThread());
            trainer.Step(samples, 1e-4);
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            Assert.Equal(1, backend.HostWaits - waits);
            if (step > 0)
                least = Math.Min(least, allocated);
        }
        Assert.Equal(0, least);
    }
}
