using ILGPU;

namespace Sophia.Native.Ilgpu.Kernels;

/// <summary><see cref="AttentionSequences"/> inside a kernel.</summary>
internal readonly struct SequenceTable(ArrayView<int> queryOffsets, ArrayView<int> keyOffsets, ArrayView<int> keyLengths, int count, bool isCausal, long queryRows, long keyRows, ArrayView<int> faults)
{
    private readonly ArrayView<int> _queryOffsets = queryOffsets;
    private readonly ArrayView<int> _keyOffsets = keyOffsets;
    private readonly ArrayView<int> _keyLengths = keyLengths;
    private readonly ArrayView<int> _faults = faults;
    private readonly long _queryRows = queryRows;
    private readonly long _keyRows = keyRows;
    private readonly int _causal = isCausal ? 1 : 0;

    /// <summary>B.</summary>
    public readonly int Count = count;

    /// <summary>A sequence; one that does not fit the rows is reported and is empty.</summary>
    public Sequence At(int index)
    {
        var first = _queryOffsets[index];
        var queries = _queryOffsets[index + 1] - first;
        var firstKey = _keyOffsets[index];
        var keys = _keyLengths[index];
        if (first < 0 || queries < 0 || first + (long)queries > _queryRows || firstKey < 0 || keys < 0 || firstKey + (long)keys > _keyRows || (_causal != 0 && keys < queries))
        {
            _faults[0] = KernelFault.SequenceOutsideBatch;
            return new(0, 0, 0, 0, 0);
        }
        return new(first, queries, firstKey, keys, _causal);
    }
}

/// <summary>One sequence of a <see cref="SequenceTable"/>.</summary>
internal readonly struct Sequence(int firstQuery, int queries, int firstKey, int keys, int causal)
{
    private readonly int _causal = causal;

    public readonly int FirstQuery = firstQuery;
    public readonly int Queries = queries;
    public readonly int FirstKey = firstKey;
    public readonly int Keys = keys;

    /// <summary>How many keys query number i of the sequence sees: the first ones.</summary>
    public int Visible(int query) => query >= Queries ? 0 : _causal != 0 ? Keys - Queries + query + 1 : Keys;

    /// <summary>The first query that sees a key.</summary>
    public int FirstSeeing(int key)
    {
        var first = key - (Keys - Queries);
        return _causal == 0 || first < 0 ? 0 : first;
    }
}
