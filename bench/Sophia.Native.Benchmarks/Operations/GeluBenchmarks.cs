using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Bound by operations on the CPU (about 40 an element forward, 70 backward), elsewhere by bytes: 2*N*F and 3*N*F elements.</summary>
public class GeluBenchmarks : OperationBenchmarks
{
    private DeviceView _output, _input, _dInput, _dOutput;

    [Params(1025)]
    public int N { get; set; }

    protected override void Prepare() =>
        (_output, _input, _dInput, _dOutput) = (Matrix(N, VisionFeatures), Matrix(N, VisionFeatures), Matrix(N, VisionFeatures), Matrix(N, VisionFeatures));

    [Benchmark]
    public void GeluForward()
    {
        Backend.GeluForward(_output, _input);
        Backend.Synchronize();
    }

    [Benchmark]
    public void GeluBackward()
    {
        Backend.GeluBackward(_dInput, _dOutput, _input);
        Backend.Synchronize();
    }
}
