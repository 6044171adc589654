using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>Where the sequences of an attention call lie, as the work items read it; lives on the caller's stack during a run.</summary>
internal unsafe struct AttentionLayout
{
    private int* _queryOffsets;
    private int* _keyOffsets;
    private int* _keyLengths;

    /// <summary>B.</summary>
    public int Sequences;

    /// <summary>D.</summary>
    public int HeadSize;

    /// <summary>H.</summary>
    public int QueryHeads;

    /// <summary>K.</summary>
    public int KeyValueHeads;

    /// <summary>H / K: the query heads that read one key-value head.</summary>
    public int GroupSize;

    public int MaximumQueries;
    public bool Causal;
    public float Scale;

    /// <summary>Reads and checks the description of the sequences.</summary>
    /// <exception cref="ArgumentException">Offsets that are out of order, outside the rows, or above the stated maximum.</exception>
    public static AttentionLayout Create(in AttentionSequences sequences, DeviceView query, DeviceView key, int headSize, float scale)
    {
        AttentionLayout layout;
        layout._queryOffsets = (int*)sequences.QueryOffsets.Address;
        layout._keyOffsets = (int*)sequences.KeyOffsets.Address;
        layout._keyLengths = (int*)sequences.KeyLengths.Address;
        layout.Sequences = sequences.Count;
        layout.HeadSize = headSize;
        layout.QueryHeads = (int)(query.Columns / headSize);
        layout.KeyValueHeads = (int)(key.Columns / headSize);
        layout.GroupSize = layout.QueryHeads / layout.KeyValueHeads;
        layout.MaximumQueries = sequences.MaximumQueries;
        layout.Causal = sequences.Causal;
        layout.Scale = scale;
        for (int sequence = 0; sequence < layout.Sequences; sequence++)
        {
            int first = layout.FirstQuery(sequence);
            int queries = layout.Queries(sequence);
            int keys = layout.Keys(sequence);
            if (first < 0 || queries < 0 || (long)first + queries > query.Rows || queries > sequences.MaximumQueries)
                throw new ArgumentException($"Attention: the queries of sequence {sequence} are rows {first} to {(long)first + queries}; expected at most {sequences.MaximumQueries} (MaximumQueries) of the {query.Rows} there are.");
            if (layout.FirstKey(sequence) < 0 || keys < 0 || (long)layout.FirstKey(sequence) + keys > key.Rows)
                throw new ArgumentException($"Attention: the keys of sequence {sequence} are {keys} rows from {layout.FirstKey(sequence)}; there are {key.Rows}.");
            if (layout.Causal && keys < queries)
                throw new ArgumentException($"Attention: the causal sequence {sequence} has {queries} queries but {keys} keys; expected at least as many keys.");
        }
        return layout;
    }

    /// <summary>The row of a sequence's first query.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int FirstQuery(int sequence) => _queryOffsets[sequence];

    /// <summary>How many queries a sequence has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int Queries(int sequence) => _queryOffsets[sequence + 1] - _queryOffsets[sequence];

    /// <summary>The row of a sequence's first key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int FirstKey(int sequence) => _keyOffsets[sequence];

    /// <summary>How many keys a sequence has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int Keys(int sequence) => _keyLengths[sequence];

    /// <summary>How many keys, from the first on, a query sees.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int VisibleKeys(int sequence, int query)
    {
        int keys = _keyLengths[sequence];
        return Causal ? keys - Queries(sequence) + query + 1 : keys;
    }

    /// <summary>The first query of a sequence that sees the key; the number of queries where none does.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int FirstQueryThatSees(int sequence, int key) => Causal ? Math.Max(0, key - (Keys(sequence) - Queries(sequence))) : 0;
}
