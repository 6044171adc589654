using BenchmarkDotNet.Attributes;
using Sophia.Native.Training;

namespace Sophia.Native.Benchmarks.Models;

/// <summary>A whole training step of <see cref="SyntheticModel.Medium"/>: forward, backward of every group, gradient norm, AdamW.</summary>
[MemoryDiagnoser]
public class TrainingStepBenchmarks
{
    private Backend _backend = null!;
    private SyntheticModel _model = null!;
    private Trainer _trainer = null!;

    [GlobalSetup]
    public void Setup()
    {
        _backend = Backend.Open("cpu");
        _model = SyntheticModel.Medium(_backend);
        _trainer = new(_model.Model, new() { MicroBatch = _model.Plan });
        Step();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _trainer.Dispose();
        _model.Dispose();
        _backend.Dispose();
    }

    [Benchmark]
    public double Step() => _trainer.Step(_model.Samples, 1e-4).Loss;
}
