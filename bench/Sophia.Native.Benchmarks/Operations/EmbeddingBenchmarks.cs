using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Bound by bytes: 2*N*C elements forward, 3*N*C backward; half of the rows are visual.</summary>
public class EmbeddingBenchmarks : OperationBenchmarks
{
    private const int Vocabulary = 20_000;

    private DeviceView _output, _table, _ids, _visual, _visualRows;

    [Params(1, 2048)]
    public int N { get; set; }

    protected override void Prepare()
    {
        (_output, _table, _visual) = (Matrix(N, Channels), Matrix(Vocabulary, Channels), Matrix(N, Channels));
        (_ids, _visualRows) = (RandomIntegers(N, Vocabulary), Integers(N, n => n % 2 == 0 ? n / 2 : -1));
    }

    [Benchmark]
    public void EmbeddingForward()
    {
        Backend.EmbeddingForward(_output, _table, _ids, _visual, _visualRows);
        Backend.Synchronize();
    }

    [Benchmark]
    public void EmbeddingBackward()
    {
        Backend.EmbeddingBackward(_table, _visual, _output, _ids, _visualRows);
        Backend.Synchronize();
    }
}
