namespace Sophia.Native.Conformance;

/// <summary>
/// Sequences packed end to end on the side of the queries, and on the side of the keys in slots in another order with unused rows between them, as in a key-value cache.
/// Unused rows hold NaN: reading one shows.
/// </summary>
internal sealed class AttentionPacking
{
    private readonly int[] _queryOffsets;
    private readonly int[] _keyOffsets;
    private readonly int[] _keyLengths;
    private Argument? _queryOffsetsArgument;
    private Argument? _keyOffsetsArgument;
    private Argument? _keyLengthsArgument;

    public AttentionPacking((int Queries, int Keys)[] sequences, CaseRandom random)
    {
        _queryOffsets = new int[sequences.Length + 1];
        _keyOffsets = new int[sequences.Length];
        _keyLengths = new int[sequences.Length];
        for (var b = 0; b < sequences.Length; b++)
        {
            _queryOffsets[b + 1] = _queryOffsets[b] + sequences[b].Queries;
            _keyLengths[b] = sequences[b].Keys;
            MaximumQueries = Math.Max(MaximumQueries, sequences[b].Queries);
            MaximumKeys = Math.Max(MaximumKeys, sequences[b].Keys);
        }
        Queries = _queryOffsets[^1];
        foreach (var b in random.Permutation(sequences.Length))
        {
            Rows += random.Next(0, 3);
            _keyOffsets[b] = Rows;
            Rows += _keyLengths[b];
        }
        Rows += 2;
    }

    /// <summary>Queries of all sequences.</summary>
    public int Queries { get; }

    /// <summary>Rows of keys, used or not.</summary>
    public int Rows { get; }

    public int MaximumQueries { get; }

    public int MaximumKeys { get; }

    public Argument QueryOffsets => _queryOffsetsArgument ?? throw new InvalidOperationException("The packing was not added to a case.");

    public Argument KeyOffsets => _keyOffsetsArgument ?? throw new InvalidOperationException("The packing was not added to a case.");

    public Argument KeyLengths => _keyLengthsArgument ?? throw new InvalidOperationException("The packing was not added to a case.");

    /// <summary>Random keys or values; NaN in unused rows.</summary>
    public double[] Keys(CaseRandom random, int columns)
    {
        var drawn = random.Uniform(Rows * columns);
        var values = new double[Rows * columns];
        Array.Fill(values, double.NaN);
        for (var b = 0; b < _keyLengths.Length; b++)
            Array.Copy(drawn, _keyOffsets[b] * columns, values, _keyOffsets[b] * columns, _keyLengths[b] * columns);
        return values;
    }

    public void AddTo(CaseInstance instance)
    {
        _queryOffsetsArgument = instance.Indices("QueryOffsets", _queryOffsets);
        _keyOffsetsArgument = instance.Indices("KeyOffsets", _keyOffsets);
        _keyLengthsArgument = instance.Indices("KeyLengths", _keyLengths);
    }

    public AttentionSequences Sequences(ViewOf view, bool causal) => new()
    {
        QueryOffsets = view(QueryOffsets),
        KeyOffsets = view(KeyOffsets),
        KeyLengths = view(KeyLengths),
        // Upper bounds, not the exact numbers.
        MaximumQueries = MaximumQueries + 3,
        MaximumKeys = MaximumKeys + 70,
        Causal = causal,
    };
}
