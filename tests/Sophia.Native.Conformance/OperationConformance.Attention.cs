using Xunit;

namespace Sophia.Native.Conformance;

public abstract partial class OperationConformance
{
    [Theory]
    [StorageData(1, 1, 16, 1)]
    [StorageData(4, 2, 64, 131, Elements = 33536)]
    [StorageData(14, 2, 64, 67, Elements = 60032)]
    [StorageData(3, 3, 80, 65)]
    [StorageData(2, 1, 128, 200, Elements = 51200)]
    [StorageData(2, 1, 64, 66)]
    [StorageData(1, 1, 128, 66)]
    public void Prefill_chunks_and_decoding_with_the_cache_give_the_same_bits(int heads, int keyHeads, int headSize, int tokens, ElementType storage)
    {
        Needs(nameof(Backend.CacheAppend), nameof(Backend.AttentionForward));
        NeedsRoom((long)tokens * heads * headSize);
        var random = ConformanceSeed.For($"decoding {heads} {keyHeads} {headSize} {tokens}");
        var (queries, keys, values) = (random.Uniform(tokens * heads * headSize), random.Uniform(tokens * keyHeads * headSize), random.Uniform(tokens * keyHeads * headSize));
        float[]? expected = null;
        float[]? expectedSums = null;
        foreach (var backend in Equivalents)
        {
            foreach (var chunk in (ReadOnlySpan<int>)[tokens, 1, 7, 33, 64])
            {
                var (output, sums) = PrefillByChunks(backend, storage, chunk, heads, keyHeads, headSize, queries, keys, values);
                expected ??= output;
                expectedSums ??= sums;
                var what = $"attention of {tokens} tokens by {chunk} on {backend.Description} against one prefill";
                Bits.Equal(expected, output, what);
                Bits.Equal(expectedSums, sums, what + ", logSumExp");
            }
        }
    }

    [Theory]
    [StorageData(4, 2, 32)]
    [StorageData(3, 1, 64)]
    [StorageData(2, 2, 128)]
    public void A_sequence_attends_and_sends_gradients_alike_alone_and_packed(int heads, int keyHeads, int headSize, ElementType storage)
    {
        Needs(nameof(Backend.AttentionForward), nameof(Backend.AttentionBackward));
        int[] lengths = [31, 1, 65, 130, 7];
        var random = ConformanceSeed.For($"packed attention {heads} {keyHeads} {headSize}");
        var total = lengths.Sum();
        var (queryColumns, keyColumns) = (heads * headSize, keyHeads * headSize);
        var (query, key, value, dOutput) = (random.Uniform(total * queryColumns), random.Uniform(total * keyColumns), random.Uniform(total * keyColumns), random.Uniform(total * queryColumns));
        foreach (var causal in (ReadOnlySpan<bool>)[true, false])
        {
            var packed = AttendBothWays(Subject, storage, lengths, causal, heads, keyHeads, headSize, query, key, value, dOutput);
            var start = 0;
            foreach (var length in lengths)
            {
                double[] Rows(double[] all, int columns) => all[(start * columns)..((start + length) * columns)];
                var alone = AttendBothWays(Subject, storage, [length], causal, heads, keyHeads, headSize, Rows(query, queryColumns), Rows(key, keyColumns), Rows(value, keyColumns), Rows(dOutput, queryColumns));
                var what = $"a sequence of {length}, causal {causal}, alone against packed on {Subject.Description}, ";
                Bits.Equal(packed.Output.AsSpan(start * queryColumns, length * queryColumns), alone.Output, what + "output");
                Bits.Equal(packed.DQuery.AsSpan(start * queryColumns, length * queryColumns), alone.DQuery, what + "dQuery");
                Bits.Equal(packed.DKey.AsSpan(start * keyColumns, length * keyColumns), alone.DKey, what + "dKey");
                Bits.Equal(packed.DValue.AsSpan(start * keyColumns, length * keyColumns), alone.DValue, what + "dValue");
                start += length;
            }
        }
    }

    /// <summary>Appends the keys of a chunk to a slot in the middle of a cache, then lets the chunk's queries attend to all keys so far.</summary>
    private (float[] Output, float[] LogSumExp) PrefillByChunks(Backend backend, ElementType storage, int chunk, int heads, int keyHeads, int headSize, double[] queries, double[] keys, double[] values)
    {
        const int slot = 5;
        var tokens = keys.Length / (keyHeads * headSize);
        using var scratch = new DeviceScratch(backend);
        var (keyCache, valueCache) = (scratch.Empty(tokens + 9, keyHeads * headSize, storage), scratch.Empty(tokens + 9, keyHeads * headSize, storage));
        var (output, sums) = (scratch.Empty(tokens, heads * headSize, storage), scratch.Empty(tokens, heads));
        var query = scratch.Matrix(tokens, heads * headSize, queries, storage);
        var (key, value) = (scratch.Matrix(tokens, keyHeads * headSize, keys, storage), scratch.Matrix(tokens, keyHeads * headSize, values, storage));
        Run(() =>
        {
            for (var first = 0; first < tokens; first += chunk)
            {
                var count = Math.Min(chunk, tokens - first);
                var rows = new int[count];
                for (var i = 0; i < count; i++)
                    rows[i] = slot + first + i;
                backend.CacheAppend(keyCache, valueCache, key.RowRange(first, count), value.RowRange(first, count), scratch.Indices(rows));
                var sequences = new AttentionSequences
                {
                    QueryOffsets = scratch.Indices(0, count), KeyOffsets = scratch.Indices(slot), KeyLengths = scratch.Indices(first + count), MaximumQueries = count, MaximumKeys = first + count, Causal = true,
                };
                backend.AttentionForward(output.RowRange(first, count), sums.RowRange(first, count), query.RowRange(first, count), keyCache, valueCache, sequences, headSize, 0.125f);
            }
        });
        return (scratch.Read(output), scratch.Read(sums));
    }

    private (float[] Output, float[] DQuery, float[] DKey, float[] DValue) AttendBothWays(Backend backend, ElementType storage, int[] lengths, bool causal, int heads, int keyHeads, int headSize,
        double[] queries, double[] keys, double[] values, double[] gradients)
    {
        using var scratch = new DeviceScratch(backend);
        var offsets = new int[lengths.Length + 1];
        for (var b = 0; b < lengths.Length; b++)
            offsets[b + 1] = offsets[b] + lengths[b];
        var (total, longest) = (offsets[^1], lengths.Max());
        var (queryColumns, keyColumns) = (heads * headSize, keyHeads * headSize);
        var (query, dOutput) = (scratch.Matrix(total, queryColumns, queries, storage), scratch.Matrix(total, queryColumns, gradients, storage));
        var (key, value) = (scratch.Matrix(total, keyColumns, keys, storage), scratch.Matrix(total, keyColumns, values, storage));
        var (output, sums, delta, dQuery) = (scratch.Empty(total, queryColumns, storage), scratch.Empty(total, heads), scratch.Empty(total, heads), scratch.Empty(total, queryColumns, storage));
        var (dKey, dValue) = (scratch.Empty(total, keyColumns, storage), scratch.Empty(total, keyColumns, storage));
        var sequences = new AttentionSequences
        {
            QueryOffsets = scratch.Indices(offsets), KeyOffsets = scratch.Indices(offsets.AsSpan(0, lengths.Length)), KeyLengths = scratch.Indices(lengths), MaximumQueries = longest, MaximumKeys = longest,
            Causal = causal,
        };
        Run(() =>
        {
            backend.AttentionForward(output, sums, query, key, value, sequences, headSize, 0.2f);
            backend.AttentionBackward(dQuery, dKey, dValue, delta, dOutput, query, key, value, output, sums, sequences, headSize, 0.2f);
        });
        return (scratch.Read(output), scratch.Read(dQuery), scratch.Read(dKey), scratch.Read(dValue));
    }
}
