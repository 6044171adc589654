using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>
/// Bound by operations: 4*T*T*H*D forward (half of it causal), two and a half times that backward. Two sequences of T tokens; a query of decoding sees T keys, bound by their bytes.
/// </summary>
public class AttentionBenchmarks : OperationBenchmarks
{
    private const int Sequences = 2;
    private const int Columns = Heads * HeadSize;
    private const int KeyColumns = KeyValueHeads * HeadSize;

    private DeviceView _output, _logSumExp, _query, _key, _value, _dQuery, _dKey, _dValue, _delta, _dOutput, _cacheRows;
    private AttentionSequences _sequences, _decoding;

    [Params(512)]
    public int T { get; set; }

    [Params(false, true)]
    public bool Causal { get; set; }

    protected override void Prepare()
    {
        var rows = Sequences * T;
        (_output, _query, _dQuery, _dOutput) = (Matrix(rows, Columns), Matrix(rows, Columns), Matrix(rows, Columns), Matrix(rows, Columns));
        (_key, _value, _dKey, _dValue) = (Matrix(rows, KeyColumns), Matrix(rows, KeyColumns), Matrix(rows, KeyColumns), Matrix(rows, KeyColumns));
        (_logSumExp, _delta) = (Matrix(rows, Heads), Matrix(rows, Heads));
        _sequences = Packed(T);
        _decoding = Packed(1);
        _cacheRows = Integers(Sequences, b => b * T);
        Backend.AttentionForward(_output, _logSumExp, _query, _key, _value, _sequences, HeadSize, Scale);
    }

    private static float Scale => 1f / MathF.Sqrt(HeadSize);

    [Benchmark]
    public void AttentionForward()
    {
        Backend.AttentionForward(_output, _logSumExp, _query, _key, _value, _sequences, HeadSize, Scale);
        Backend.Synchronize();
    }

    [Benchmark]
    public void AttentionBackward()
    {
        Backend.AttentionBackward(_dQuery, _dKey, _dValue, _delta, _dOutput, _query, _key, _value, _output, _logSumExp, _sequences, HeadSize, Scale);
        Backend.Synchronize();
    }

    [Benchmark]
    public void AttentionDecoding()
    {
        Backend.AttentionForward(_dOutput.RowRange(0, Sequences), default, _query.RowRange(0, Sequences), _key, _value, _decoding, HeadSize, Scale);
        Backend.Synchronize();
    }

    [Benchmark]
    public void CacheAppend()
    {
        Backend.CacheAppend(_key, _value, _dKey.RowRange(0, Sequences), _dValue.RowRange(0, Sequences), _cacheRows);
        Backend.Synchronize();
    }

    private AttentionSequences Packed(int queries) => new()
    {
        QueryOffsets = Integers(Sequences + 1, b => b * queries),
        KeyOffsets = Integers(Sequences, b => b * T),
        KeyLengths = Integers(Sequences, _ => T),
        MaximumQueries = queries,
        MaximumKeys = T,
        Causal = Causal,
    };
}
