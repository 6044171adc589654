using Sophia.Native.Models;
using Sophia.Native.Objectives;
using Sophia.Native.Tests.Cpu;
using Sophia.Native.Training;

namespace Sophia.Native.Tests.Training;

/// <summary>What a step takes from the managed heap, and what the plan takes from the native one.</summary>
public sealed class AllocationTests
{
    [Theory]
    [MemberData(nameof(CpuFixture.PathsAndThreads), MemberType = typeof(CpuFixture))]
    public void After_the_first_step_a_step_allocates_nothing(string path, int threads)
    {
        foreach (var ratio in Enum.GetValues<ImportanceRatio>())
        {
            using var tiny = new TinyModel(TinyModel.AllGroups, path, threads);
            using var trainer = new Trainer(tiny.Model, new() { MicroBatch = TinyModel.Plan(), Objective = new() { Ratio = ratio, Divergence = DivergenceEstimator.K3, DivergenceCoefficient = 0.1f } });
            var samples = TinyModel.Samples(7);
            var snapshots = new float[samples.Length][];
            trainer.Snapshot(samples, snapshots);
            Assert.Equal(0, CpuFixture.AllocatedBytes(() =>
            {
                for (var step = 0; step < 4; step++)
                    trainer.Step(samples, 1e-3, snapshots);
            }));
        }
    }

    [Theory]
    [InlineData(true, true, true, 0, 0)]
    [InlineData(true, true, false, 0, 3)]
    [InlineData(true, false, false, 0, 3)]
    [InlineData(true, true, false, 0, 0)]
    [InlineData(false, false, false, 0, 3)]
    [InlineData(true, true, true, 12, 2)]
    public void The_measured_plan_is_what_is_allocated(bool training, bool projector, bool vision, int tileSize, int tiles)
    {
        using var backend = Backend.Open("cpu", new() { Threads = 1 });
        var plan = new ModelPlan { MaximumTokens = 37, MaximumSequences = 5, MaximumTiles = tiles, Training = training, TrainsProjector = projector, TrainsVision = vision, HeadChunk = 7, TileSize = tileSize };
        var config = TinyModel.Config with { Vision = TinyModel.Config.Vision with { LayerCount = 3 } };
        using var measured = ModelWorkspace.Measure(backend, config, plan);
        using var allocated = ModelWorkspace.Allocate(backend, config, plan);
        Assert.Equal(measured.PeakBytes, allocated.Bytes);
        Assert.Equal(measured.Entries, allocated.Entries);
        // Layers that keep nothing for a backward pass share memory; every entry begins at a multiple of the alignment.
        var sum = measured.Entries.Sum(entry => (entry.Bytes + Arena.Alignment - 1) / Arena.Alignment * Arena.Alignment);
        if (training && (vision || tiles == 0))
            Assert.Equal(sum, measured.PeakBytes);
        else
            Assert.True(measured.PeakBytes < sum);
    }

    [Fact]
    public void A_plan_with_impossible_sizes_is_refused()
    {
        using var backend = Backend.Open("cpu", new() { Threads = 1 });
        foreach (var plan in (ModelPlan[])[TinyModel.Plan(tokens: 0), TinyModel.Plan(sequences: 0), TinyModel.Plan(tiles: -1), TinyModel.Plan(headChunk: 0)])
            Assert.Throws<ArgumentOutOfRangeException>(() => ModelWorkspace.Measure(backend, TinyModel.Config, plan));
        Assert.Throws<ArgumentException>(() => ModelWorkspace.Measure(backend, TinyModel.Config, TinyModel.Plan() with { TileSize = 6 }));
    }
}
