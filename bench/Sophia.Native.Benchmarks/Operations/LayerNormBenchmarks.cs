using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Bound by bytes: 2*N*C elements forward, 6*N*C backward with the parameters' gradients.</summary>
public class LayerNormBenchmarks : OperationBenchmarks
{
    private DeviceView _output, _mean, _inverseDeviation, _input, _weight, _bias, _dInput, _dWeight, _dBias, _dOutput;

    [Params(1025)]
    public int N { get; set; }

    protected override void Prepare()
    {
        (_output, _input, _dInput, _dOutput) = (Matrix(N, VisionChannels), Matrix(N, VisionChannels), Matrix(N, VisionChannels), Matrix(N, VisionChannels));
        (_mean, _inverseDeviation) = (Vector(N), Vector(N));
        (_weight, _bias, _dWeight, _dBias) = (Vector(VisionChannels), Vector(VisionChannels), Vector(VisionChannels), Vector(VisionChannels));
    }

    [Benchmark]
    public void LayerNormForward()
    {
        Backend.LayerNormForward(_output, _mean, _inverseDeviation, _input, _weight, _bias, Epsilon);
        Backend.Synchronize();
    }

    [Benchmark]
    public void LayerNormBackward()
    {
        Backend.LayerNormBackward(_dInput, _dWeight, _dBias, _dOutput, _input, _weight, _mean, _inverseDeviation);
        Backend.Synchronize();
    }
}
