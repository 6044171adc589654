namespace Sophia.Native.Models.Generation;

/// <summary>The device arrays that describe the tokens of one pass over the key-value cache, prefill or decoding, with their host staging.</summary>
internal sealed class DecodingBatch
{
    private readonly Backend _backend;
    private readonly DeviceView _ids, _positions, _visualRows, _cacheRows, _queryOffsets, _keyOffsets, _keyLengths, _lastRows, _samples, _drawnPositions, _noVisual;

    public DecodingBatch(Arena arena, Backend backend, int tokens, int sequences)
    {
        _backend = backend;
        DeviceView Integers(string name, int length) => arena.Take(name, 1, length, ElementType.Int32);
        _ids = Integers("decoding ids", tokens);
        _positions = Integers("decoding positions", tokens);
        _visualRows = Integers("decoding visual rows", tokens);
        _cacheRows = Integers("decoding cache rows", tokens);
        _queryOffsets = Integers("decoding query offsets", sequences + 1);
        _keyOffsets = Integers("decoding key offsets", sequences);
        _keyLengths = Integers("decoding key lengths", sequences);
        _lastRows = Integers("last rows", sequences);
        _samples = Integers("sample numbers", sequences);
        _drawnPositions = Integers("drawn positions", sequences);
        _noVisual = Integers("no visual rows", sequences);
        Ids = new int[tokens];
        Positions = new int[tokens];
        VisualRows = new int[tokens];
        CacheRows = new int[tokens];
        QueryOffsets = new int[sequences + 1];
        KeyOffsets = new int[sequences];
        KeyLengths = new int[sequences];
        LastRows = new int[sequences];
        Samples = new int[sequences];
        DrawnPositions = new int[sequences];
        if (_noVisual.Buffer is not null)
        {
            var none = new int[sequences];
            Array.Fill(none, -1);
            backend.Upload<int>(_noVisual, none);
        }
    }

    public int[] Ids { get; }

    public int[] Positions { get; }

    public int[] VisualRows { get; }

    public int[] CacheRows { get; }

    public int[] QueryOffsets { get; }

    public int[] KeyOffsets { get; }

    public int[] KeyLengths { get; }

    public int[] LastRows { get; }

    public int[] Samples { get; }

    public int[] DrawnPositions { get; }

    public int TokenCount { get; private set; }

    public int SequenceCount { get; private set; }

    private int LongestQuery { get; set; }

    private int LongestKey { get; set; }

    public DeviceView LastRowsView => _lastRows.ColumnRange(0, SequenceCount);

    public DeviceView NoVisualRows => _noVisual.ColumnRange(0, SequenceCount);

    public DeviceView SamplesView => _samples.ColumnRange(0, SequenceCount);

    public DeviceView DrawnPositionsView => _drawnPositions.ColumnRange(0, SequenceCount);

    public void Clear() => (TokenCount, SequenceCount, LongestQuery, LongestKey) = (0, 0, 0, 0);

    /// <summary>Adds a token of the sequence that is being described.</summary>
    public void AddToken(int id, int position, int visualRow, int cacheRow)
    {
        Ids[TokenCount] = id;
        Positions[TokenCount] = position;
        VisualRows[TokenCount] = visualRow;
        CacheRows[TokenCount] = cacheRow;
        TokenCount++;
    }

    /// <summary>Ends the sequence whose tokens were added since the last one.</summary>
    public void EndSequence(int firstCacheRow, int keyLength, int sample)
    {
        var sequence = SequenceCount;
        KeyOffsets[sequence] = firstCacheRow;
        KeyLengths[sequence] = keyLength;
        LastRows[sequence] = TokenCount - 1;
        Samples[sequence] = sample;
        DrawnPositions[sequence] = keyLength;
        QueryOffsets[sequence + 1] = TokenCount;
        LongestQuery = Math.Max(LongestQuery, TokenCount - QueryOffsets[sequence]);
        LongestKey = Math.Max(LongestKey, keyLength);
        SequenceCount++;
    }

    public DecoderTokens Upload(DeviceView ropeTable)
    {
        Send(_ids, Ids, TokenCount);
        Send(_positions, Positions, TokenCount);
        Send(_visualRows, VisualRows, TokenCount);
        Send(_cacheRows, CacheRows, TokenCount);
        Send(_queryOffsets, QueryOffsets, SequenceCount + 1);
        Send(_keyOffsets, KeyOffsets, SequenceCount);
        Send(_keyLengths, KeyLengths, SequenceCount);
        Send(_lastRows, LastRows, SequenceCount);
        Send(_samples, Samples, SequenceCount);
        Send(_drawnPositions, DrawnPositions, SequenceCount);
        return new()
        {
            Ids = _ids.ColumnRange(0, TokenCount),
            Positions = _positions.ColumnRange(0, TokenCount),
            VisualRows = _visualRows.ColumnRange(0, TokenCount),
            CacheRows = _cacheRows.ColumnRange(0, TokenCount),
            RopeTable = ropeTable,
            Sequences = new()
            {
                QueryOffsets = _queryOffsets.ColumnRange(0, SequenceCount + 1),
                KeyOffsets = _keyOffsets.ColumnRange(0, SequenceCount),
                KeyLengths = _keyLengths.ColumnRange(0, SequenceCount),
                MaximumQueries = LongestQuery,
                MaximumKeys = LongestKey,
                Causal = true,
            },
        };
    }

    private void Send(DeviceView view, int[] values, int count) => _backend.Upload<int>(view.ColumnRange(0, count), values.AsSpan(0, count));
}
