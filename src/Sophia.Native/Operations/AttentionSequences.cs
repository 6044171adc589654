namespace Sophia.Native;

/// <summary>
/// Which queries attend to which keys: B sequences, packed end to end on the side of the queries; the keys of a sequence are adjacent rows, packed likewise or
/// in the slot of a key-value cache. The last query of a causal sequence sees all its keys, the one before all but the last, and so on.
/// </summary>
public readonly struct AttentionSequences
{
    /// <summary>[B + 1] Int32: the queries of sequence b are the rows [offsets[b], offsets[b + 1]).</summary>
    public required DeviceView QueryOffsets { get; init; }

    /// <summary>[B] Int32: the first row of the keys and values of sequence b.</summary>
    public required DeviceView KeyOffsets { get; init; }

    /// <summary>[B] Int32: how many keys sequence b has; in a causal sequence at least as many as queries.</summary>
    public required DeviceView KeyLengths { get; init; }

    /// <summary>The most queries of any sequence: an upper bound for sizing work, known to the host.</summary>
    public required int MaximumQueries { get; init; }

    /// <summary>The most keys of any sequence: an upper bound for sizing work, known to the host.</summary>
    public required int MaximumKeys { get; init; }

    /// <summary>Whether a query sees only keys up to its own position.</summary>
    public required bool Causal { get; init; }

    /// <summary>B.</summary>
    public int Count => (int)KeyLengths.Length;
}
