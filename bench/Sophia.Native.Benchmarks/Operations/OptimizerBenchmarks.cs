using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Bound by bytes: 7 elements an element for AdamW, 1 for the norm and for fill, 2 for copy.</summary>
public class OptimizerBenchmarks : OperationBenchmarks
{
    private DeviceView _parameters, _firstMoments, _secondMoments, _gradients, _state;

    [Params(1 << 24)]
    public int Elements { get; set; }

    protected override void Prepare()
    {
        (_parameters, _gradients) = (Vector(Elements), Vector(Elements));
        (_firstMoments, _secondMoments, _state) = (Zeros(Elements, ElementType.Float32), Zeros(Elements, ElementType.Float32), Vector(Backend.GradientStateLength));
        Backend.GradientNorm(_state, _gradients, 1f);
    }

    [Benchmark]
    public void GradientNorm()
    {
        Backend.GradientNorm(_state, _gradients, 1f);
        Backend.Synchronize();
    }

    [Benchmark]
    public void AdamW()
    {
        Backend.AdamW(_parameters, _firstMoments, _secondMoments, _gradients, _state,
            new AdamWStep { LearningRate = 1e-5, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8, WeightDecay = 0.05, Step = 10 });
        Backend.Synchronize();
    }

    [Benchmark]
    public void Fill()
    {
        Backend.Fill(_parameters, 0.5f);
        Backend.Synchronize();
    }

    [Benchmark]
    public void Copy()
    {
        Backend.Copy(_parameters, _gradients);
        Backend.Synchronize();
    }
}
