namespace Sophia.Native.Cli.Profiling;

/// <summary>Counts the query-key pairs that attention must look at.</summary>
internal static class AttentionPairs
{
    /// <summary>Pairs and keys over all sequences; a causal query sees the keys up to its own.</summary>
    public static (double Pairs, long Keys) Count(Backend backend, in AttentionSequences sequences)
    {
        var offsets = new int[sequences.QueryOffsets.Length];
        var lengths = new int[sequences.KeyLengths.Length];
        backend.Download<int>(offsets, sequences.QueryOffsets);
        backend.Download<int>(lengths, sequences.KeyLengths);
        var pairs = 0.0;
        long keys = 0;
        for (var s = 0; s < lengths.Length; s++)
        {
            double queries = offsets[s + 1] - offsets[s];
            pairs += sequences.Causal ? queries * lengths[s] - queries * (queries - 1) / 2 : queries * lengths[s];
            keys += lengths[s];
        }
        return (pairs, keys);
    }
}
