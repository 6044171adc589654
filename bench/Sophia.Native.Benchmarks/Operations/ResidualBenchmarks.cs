using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Bound by bytes: 3*N*C elements forward, 4*N*C backward with the scale's gradient.</summary>
public class ResidualBenchmarks : OperationBenchmarks
{
    private DeviceView _output, _residual, _branch, _scale, _dBranch, _dScale, _dOutput;

    [Params(1, 1025)]
    public int N { get; set; }

    protected override void Prepare()
    {
        (_output, _residual, _branch, _dBranch, _dOutput) = (Matrix(N, VisionChannels), Matrix(N, VisionChannels), Matrix(N, VisionChannels), Matrix(N, VisionChannels), Matrix(N, VisionChannels));
        (_scale, _dScale) = (Vector(VisionChannels), Vector(VisionChannels));
    }

    [Benchmark]
    public void ResidualForward()
    {
        Backend.ResidualForward(_output, _residual, _branch, _scale);
        Backend.Synchronize();
    }

    [Benchmark]
    public void ResidualForwardWithoutScale()
    {
        Backend.ResidualForward(_output, _residual, _branch);
        Backend.Synchronize();
    }

    [Benchmark]
    public void ResidualBackward()
    {
        Backend.ResidualBackward(_dBranch, _dScale, _dOutput, _branch, _scale);
        Backend.Synchronize();
    }
}
