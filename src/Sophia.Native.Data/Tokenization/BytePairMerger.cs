using System.Numerics;

namespace Sophia.Native.Data.Tokenization;

/// <summary>
/// Byte-pair merging: of all neighboring pairs the one of lowest rank merges first, the leftmost among equals, until no pair has a rank.
/// Short words scan their pairs each time; long ones keep them in a heap, so that no input costs more than n log n.
/// </summary>
internal sealed class BytePairMerger
{
    private const int ScanLimit = 48;
    private const int NoRank = int.MaxValue;

    // Open addressing: the slot of a pair is found by multiplying its key; half of the slots stay empty. A key is left << 32 | right, an empty slot -1.
    private readonly long[] _keys;
    private readonly (int Rank, int Merged)[] _values;
    private readonly int _shift;

    public BytePairMerger(IReadOnlyList<BytePairMerge> merges)
    {
        int bits = Math.Max(4, BitOperations.Log2((uint)Math.Max(1, merges.Count)) + 2);
        _shift = 64 - bits;
        _keys = new long[1 << bits];
        _values = new (int, int)[1 << bits];
        Array.Fill(_keys, -1);
        for (int rank = 0; rank < merges.Count; rank++)
        {
            BytePairMerge merge = merges[rank];
            int slot = FindSlot(Key(merge.Left, merge.Right));
            _keys[slot] = Key(merge.Left, merge.Right);
            _values[slot] = (rank, merge.Merged);
        }
    }

    /// <summary>Merges the tokens in place; the result stands at the front.</summary>
    /// <returns>How many tokens are left.</returns>
    public int Merge(Span<int> tokens) => tokens.Length <= ScanLimit ? MergeByScan(tokens) : MergeByHeap(tokens);

    internal int MergeByScan(Span<int> tokens)
    {
        int count = tokens.Length;
        Span<int> ranks = stackalloc int[ScanLimit];
        for (int i = 0; i + 1 < count; i++) ranks[i] = Lookup(tokens[i], tokens[i + 1]).Rank;
        while (count > 1)
        {
            int best = 0;
            for (int i = 1; i + 1 < count; i++)
            {
                if (ranks[i] < ranks[best]) best = i;
            }

            if (ranks[best] == NoRank) break;
            tokens[best] = Lookup(tokens[best], tokens[best + 1]).Merged;
            count--;
            tokens[(best + 2)..(count + 1)].CopyTo(tokens[(best + 1)..]);
            ranks[(best + 1)..count].CopyTo(ranks[best..]);
            if (best + 1 < count) ranks[best] = Lookup(tokens[best], tokens[best + 1]).Rank;
            if (best > 0) ranks[best - 1] = Lookup(tokens[best - 1], tokens[best]).Rank;
        }

        return count;
    }

    internal int MergeByHeap(Span<int> tokens)
    {
        int count = tokens.Length;
        int[] next = new int[count], previous = new int[count];
        PriorityQueue<int, long> pairs = new(count);
        for (int i = 0; i < count; i++)
        {
            next[i] = i + 1;
            previous[i] = i - 1;
        }

        for (int i = 0; i + 1 < count; i++) Enqueue(pairs, tokens[i], tokens[i + 1], i);
        while (pairs.TryDequeue(out int at, out long priority))
        {
            // A pair is stale if its left token is gone (-1) or either side has changed since, which gives it another rank.
            if (tokens[at] < 0 || next[at] == count) continue;
            int right = next[at];
            (int rank, int merged) = Lookup(tokens[at], tokens[right]);
            if (rank != (int)(priority >> 32)) continue;
            tokens[at] = merged;
            tokens[right] = -1;
            next[at] = next[right];
            if (next[at] < count)
            {
                previous[next[at]] = at;
                Enqueue(pairs, merged, tokens[next[at]], at);
            }

            if (previous[at] >= 0) Enqueue(pairs, tokens[previous[at]], merged, previous[at]);
        }

        int written = 0;
        foreach (int token in tokens)
        {
            if (token >= 0) tokens[written++] = token;
        }

        return written;
    }

    private void Enqueue(PriorityQueue<int, long> pairs, int left, int right, int at)
    {
        int rank = Lookup(left, right).Rank;
        if (rank != NoRank) pairs.Enqueue(at, ((long)rank << 32) | (uint)at);
    }

    private static long Key(int left, int right) => ((long)left << 32) | (uint)right;

    private (int Rank, int Merged) Lookup(int left, int right)
    {
        int slot = FindSlot(Key(left, right));
        return _keys[slot] < 0 ? (NoRank, -1) : _values[slot];
    }

    private int FindSlot(long key)
    {
        int slot = (int)((ulong)key * 0x9E3779B97F4A7C15 >> _shift);
        while (_keys[slot] >= 0 && _keys[slot] != key) slot = (slot + 1) & (_keys.Length - 1);
        return slot;
    }
}
