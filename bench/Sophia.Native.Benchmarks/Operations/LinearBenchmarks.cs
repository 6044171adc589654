using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Bound by 2*N*C*O operations each, for one row by the bytes of the weight; here O = C.</summary>
public class LinearBenchmarks : OperationBenchmarks
{
    private DeviceView _output, _input, _weight, _bias;

    [Params(1, 16, 1024)]
    public int N { get; set; }

    protected override void Prepare() =>
        (_output, _input, _weight, _bias) = (Matrix(N, Channels), Matrix(N, Channels), Matrix(Channels, Channels), Vector(Channels));

    [Benchmark]
    public void LinearForward()
    {
        Backend.LinearForward(_output, _input, _weight, _bias);
        Backend.Synchronize();
    }

    [Benchmark]
    public void LinearBackwardInput()
    {
        Backend.LinearBackwardInput(_input, _output, _weight);
        Backend.Synchronize();
    }

    [Benchmark]
    public void LinearBackwardWeight()
    {
        Backend.LinearBackwardWeight(_weight, _output, _input);
        Backend.Synchronize();
    }

    [Benchmark]
    public void LinearBackwardBias()
    {
        Backend.LinearBackwardBias(_bias, _output);
        Backend.Synchronize();
    }
}
