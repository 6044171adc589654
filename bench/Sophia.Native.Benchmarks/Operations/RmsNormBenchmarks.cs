using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Bound by bytes: 2*N*C elements forward, 5*N*C backward with the weight's gradient.</summary>
public class RmsNormBenchmarks : OperationBenchmarks
{
    private DeviceView _output, _inverseRms, _input, _weight, _dInput, _dWeight, _dOutput;

    [Params(1, 2048)]
    public int N { get; set; }

    protected override void Prepare()
    {
        (_output, _input, _dInput, _dOutput) = (Matrix(N, Channels), Matrix(N, Channels), Matrix(N, Channels), Matrix(N, Channels));
        (_inverseRms, _weight, _dWeight) = (Vector(N), Vector(Channels), Vector(Channels));
    }

    [Benchmark]
    public void RmsNormForward()
    {
        Backend.RmsNormForward(_output, _inverseRms, _input, _weight, Epsilon);
        Backend.Synchronize();
    }

    [Benchmark]
    public void RmsNormBackward()
    {
        Backend.RmsNormBackward(_dInput, _dWeight, _dOutput, _input, _weight, _inverseRms);
        Backend.Synchronize();
    }
}
