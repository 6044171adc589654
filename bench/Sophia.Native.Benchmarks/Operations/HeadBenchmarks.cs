using BenchmarkDotNet.Attributes;
using Sophia.Native.Objectives;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Bound by operations: 2*N*C*V for scoring, 6*N*C*V for the fused objective; a vocabulary of 32768.</summary>
public class HeadBenchmarks : OperationBenchmarks
{
    private const int Vocabulary = 32_768;
    private const int ChunkRows = 64;
    private const int Sequences = 4;

    private DeviceView _hidden, _weight, _dHidden, _dWeight, _workspace, _sequenceLogRatios, _offsets, _metrics;
    private ObjectiveInputs _inputs;
    private ObjectiveResults _results;

    [Params(256)]
    public int N { get; set; }

    private static ObjectiveOptions Options => new() { Ratio = ImportanceRatio.Token, ClipLow = 0.8f, ClipHigh = 1.28f };

    protected override void Prepare()
    {
        (_hidden, _weight, _dHidden, _dWeight, _workspace) = (Matrix(N, Channels), Matrix(Vocabulary, Channels), Matrix(N, Channels), Matrix(Vocabulary, Channels), Matrix(ChunkRows, Vocabulary));
        (_sequenceLogRatios, _offsets, _metrics) = (Vector(N), Integers(Sequences + 1, b => b * N / Sequences), Zeros(ObjectiveMetrics.Length, ElementType.Float64));
        _inputs = new() { Targets = RandomIntegers(N, Vocabulary), Weights = Vector(N), Normalizers = Vector(N), BehaviorLogProbabilities = Vector(N) };
        _results = new() { LogProbabilities = Vector(N), Entropies = Vector(N), Losses = Vector(N), Ratios = Vector(N) };
    }

    [Benchmark]
    public void HeadForward()
    {
        Backend.HeadForward(_results.LogProbabilities, _results.Entropies, _hidden, _weight, _inputs.Targets, _workspace);
        Backend.Synchronize();
    }

    [Benchmark]
    public void HeadObjective()
    {
        Backend.HeadObjective(_dHidden, _dWeight, _results, _hidden, _weight, _inputs, _workspace, Options);
        Backend.Synchronize();
    }

    [Benchmark]
    public void SequenceLogRatios()
    {
        Backend.SequenceLogRatios(_sequenceLogRatios, _results.LogProbabilities, _inputs.BehaviorLogProbabilities, _inputs.Normalizers, _offsets);
        Backend.Synchronize();
    }

    [Benchmark]
    public void ObjectiveStatistics()
    {
        Backend.ObjectiveStatistics(_metrics, _results, _inputs, Options);
        Backend.Synchronize();
    }
}
