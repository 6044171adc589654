using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Bound by bytes: 3*N*F elements forward, 5*N*F backward.</summary>
public class SwiGluBenchmarks : OperationBenchmarks
{
    private DeviceView _output, _gateUp, _dGateUp, _dOutput;

    [Params(1, 1024)]
    public int N { get; set; }

    protected override void Prepare() =>
        (_output, _gateUp, _dGateUp, _dOutput) = (Matrix(N, Features), Matrix(N, 2 * Features), Matrix(N, 2 * Features), Matrix(N, Features));

    [Benchmark]
    public void SwiGluForward()
    {
        Backend.SwiGluForward(_output, _gateUp);
        Backend.Synchronize();
    }

    [Benchmark]
    public void SwiGluBackward()
    {
        Backend.SwiGluBackward(_dGateUp, _dOutput, _gateUp);
        Backend.Synchronize();
    }
}
