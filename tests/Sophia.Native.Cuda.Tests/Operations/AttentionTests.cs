using Sophia.Native.Conformance;
using Sophia.Native.Cuda.Tests.Conformance;

namespace Sophia.Native.Cuda.Tests.Operations;

/// <summary>What the conformance table does not show of attention: the bits of the processor in fp32, the kernels among which the host chooses, and descriptions that only the device sees.</summary>
public abstract class AttentionTests(CudaFamily family)
{
    private static readonly string[] Names = ["output", "logSumExp", "dQuery", "dKey", "dValue"];

    /// <summary>Heads, key-value heads, head size, whether causal, and the queries and keys of each sequence. Where 40 queries see 73 keys, the last of the first 32 queries is the only one of them that sees key 64.</summary>
    public static TheoryData<int, int, int, bool, int[]> Packings => new()
    {
        { 4, 2, 16, true, [67, 67, 0, 0, 1, 1, 20, 150] },
        { 6, 2, 48, true, [1, 129, 2, 64] },
        { 3, 3, 64, false, [65, 65, 5, 130] },
        { 3, 1, 64, true, [70, 70, 33, 97, 1, 1, 40, 73] },
        { 2, 2, 80, false, [17, 3, 2, 64] },
        { 2, 1, 128, true, [40, 73, 1, 65] },
    };

    [Theory]
    [MemberData(nameof(Packings))]
    public void Attention_in_fp32_has_the_bits_of_the_processor(int heads, int keyHeads, int headSize, bool causal, int[] lengths)
    {
        Needs("AttentionForward", "AttentionBackward");
        using var cpu = Backend.Open("cpu", new BackendOptions { Threads = 2 });
        var expected = Attend(cpu, ElementType.Float32, heads, keyHeads, headSize, causal, lengths);
        foreach (var backend in family.Equivalents)
            Same(expected, Attend(backend, ElementType.Float32, heads, keyHeads, headSize, causal, lengths), backend.Description);
    }

    /// <summary>Small enough for the checked devices: the conformance table's cases of these head sizes are left to the fast one. Four times the error of an operand rounded to eight bits.</summary>
    [Theory]
    [MemberData(nameof(Packings))]
    public void Attention_in_bfloat16_is_near_that_of_the_processor_and_the_same_on_every_device(int heads, int keyHeads, int headSize, bool causal, int[] lengths)
    {
        Needs("AttentionForward", "AttentionBackward");
        using var cpu = Backend.Open("cpu", new BackendOptions { Threads = 2 });
        var expected = Attend(cpu, ElementType.Float32, heads, keyHeads, headSize, causal, lengths);
        float[][]? first = null;
        foreach (var backend in family.Equivalents)
        {
            var found = Attend(backend, ElementType.BFloat16, heads, keyHeads, headSize, causal, lengths);
            Same(first ??= found, found, backend.Description);
            for (var i = 0; i < found.Length; i++)
            {
                var largest = expected[i].Where(float.IsFinite).Max(Math.Abs);
                for (var j = 0; j < found[i].Length; j++)
                    Assert.True(found[i][j] == expected[i][j] || Math.Abs(found[i][j] - expected[i][j]) <= largest / 64, $"seed {ConformanceSeed.Value}, {Names[i]} {j}: expected {expected[i][j]}, found {found[i][j]}.");
            }
        }
    }

    /// <summary>Rows that begin at any element are copied element by element: watched by the checked devices, and with the bits of aligned ones.</summary>
    [Theory]
    [InlineData(16, ElementType.Float32)]
    [InlineData(64, ElementType.BFloat16)]
    [InlineData(128, ElementType.BFloat16)]
    public void Rows_at_any_alignment_give_the_same_bits(int headSize, ElementType storage)
    {
        Needs("AttentionForward", "AttentionBackward");
        foreach (var backend in family.Equivalents)
        {
            // Seventy queries are a tile and a part of one; the keys of a single one are split.
            foreach (var lengths in (ReadOnlySpan<int[]>)[[70, 90], [1, 70]])
            {
                var expected = Attend(backend, storage, 2, 1, headSize, causal: true, lengths);
                Same(expected, Attend(backend, storage, 2, 1, headSize, causal: true, lengths, offset: 1), backend.Description);
            }
        }
    }

    [Theory]
    [InlineData(64, ElementType.BFloat16)]
    [InlineData(128, ElementType.BFloat16)]
    [InlineData(64, ElementType.Float32)]
    public void Wide_tiles_narrow_ones_and_split_keys_give_the_same_bits(int headSize, ElementType storage)
    {
        Needs("AttentionForward");
        foreach (var backend in family.Equivalents)
        {
            // As many heads as multiprocessors make the host choose wide tiles for 130 queries; one head and few queries make it split the keys.
            const int tokens = 130;
            var heads = ((CudaBackend)backend).Device.Multiprocessors;
            var random = ConformanceSeed.For($"kernels of attention {headSize} {storage}");
            var (query, key, value) = (random.Uniform(heads * tokens * headSize), random.Uniform(heads * tokens * headSize), random.Uniform(heads * tokens * headSize));
            using var scratch = new DeviceScratch(backend);
            var (queries, keys, values) = (scratch.Matrix(tokens, heads * headSize, query, storage), scratch.Matrix(tokens, heads * headSize, key, storage), scratch.Matrix(tokens, heads * headSize, value, storage));
            var (output, sums) = (scratch.Empty(tokens, heads * headSize, storage), scratch.Empty(tokens, heads));
            backend.AttentionForward(output, sums, queries, keys, values, Causal(scratch, tokens, tokens), headSize, 0.2f);
            var (wide, wideSums) = (scratch.Read(output), scratch.Read(sums));
            foreach (var (first, count, head) in (ReadOnlySpan<(int, int, int)>)[(0, 100, heads - 1), (60, 70, 0), (65, 1, 0), (128, 2, heads - 1)])
            {
                var (part, partSums) = (scratch.Empty(count, headSize, storage), scratch.Empty(count, 1));
                DeviceView Head(DeviceView all) => all.ColumnRange(head * headSize, headSize);
                backend.AttentionForward(part, partSums, Head(queries).RowRange(first, count), Head(keys), Head(values), Causal(scratch, count, first + count), headSize, 0.2f);
                var (found, foundSums) = (scratch.Read(part), scratch.Read(partSums));
                for (var n = 0; n < count; n++)
                {
                    var what = $"query {first + n} of head {head} among {count} on {backend.Description}";
                    Bits.Equal(wide.AsSpan((first + n) * heads * headSize + head * headSize, headSize), found.AsSpan(n * headSize, headSize), what);
                    Bits.Equal(wideSums.AsSpan((first + n) * heads + head, 1), foundSums.AsSpan(n, 1), what);
                }
            }
        }
    }

    /// <summary>More than 32 blocks of keys, which is what a warp of the merging kernel takes at a time; 65 queries are too many to split.</summary>
    [Theory]
    [InlineData(16, ElementType.Float32)]
    [InlineData(64, ElementType.BFloat16)]
    public void The_last_query_of_a_long_context_has_the_same_bits_alone_and_among_others(int headSize, ElementType storage)
    {
        Needs("AttentionForward");
        const int tokens = 65 * Backend.AttentionKeyBlock + 5, others = 64;
        foreach (var backend in family.Equivalents)
        {
            var random = ConformanceSeed.For($"long context {headSize}");
            using var scratch = new DeviceScratch(backend);
            var query = scratch.Matrix(others + 1, headSize, random.Uniform((others + 1) * headSize, -4, 4), storage);
            var (key, value) = (scratch.Matrix(tokens, headSize, random.Uniform(tokens * headSize), storage), scratch.Matrix(tokens, headSize, random.Uniform(tokens * headSize), storage));
            var (among, amongSums) = (scratch.Empty(others + 1, headSize, storage), scratch.Empty(others + 1, 1));
            var (alone, aloneSums) = (scratch.Empty(1, headSize, storage), scratch.Empty(1, 1));
            backend.AttentionForward(among, amongSums, query, key, value, Causal(scratch, others + 1, tokens), headSize, 0.5f);
            backend.AttentionForward(alone, aloneSums, query.RowRange(others, 1), key, value, Causal(scratch, 1, tokens), headSize, 0.5f);
            Bits.Equal(scratch.Read(among.RowRange(others, 1)), scratch.Read(alone), $"output on {backend.Description}");
            Bits.Equal(scratch.Read(amongSums.RowRange(others, 1)), scratch.Read(aloneSums), $"logSumExp on {backend.Description}");
        }
    }

    /// <summary>Scores grow with the keys, fall with them, or are all alike: the maximum of a block is then in the block, before it, or everywhere. Of one value everywhere the mean is that value.</summary>
    [Theory]
    [InlineData(64, 3f)]
    [InlineData(64, -3f)]
    [InlineData(128, 0f)]
    [InlineData(32, -3f)]
    public void A_scale_of_either_sign_or_zero_gives_weights_that_sum_to_one(int headSize, float scale)
    {
        Needs("AttentionForward");
        const int tokens = 150;
        foreach (var backend in family.Equivalents)
        {
            foreach (var queryCount in (ReadOnlySpan<int>)[1, tokens])
            {
                using var scratch = new DeviceScratch(backend);
                var (query, key, value) = (new double[queryCount * headSize], new double[tokens * headSize], new double[tokens * headSize]);
                Array.Fill(value, 0.75);
                for (var n = 0; n < queryCount; n++)
                    query[n * headSize] = 1.0;
                for (var n = 0; n < tokens; n++)
                    key[n * headSize] = n / 8.0;
                var (output, sums) = (scratch.Empty(queryCount, headSize, ElementType.BFloat16), scratch.Empty(queryCount, 1));
                backend.AttentionForward(output, sums, scratch.Matrix(queryCount, headSize, query, ElementType.BFloat16), scratch.Matrix(tokens, headSize, key, ElementType.BFloat16),
                    scratch.Matrix(tokens, headSize, value, ElementType.BFloat16), Causal(scratch, queryCount, tokens), headSize, scale);
                // P is rounded to eight bits, its sum is not.
                Assert.All(scratch.Read(output), found => Assert.InRange(found, 0.75f * (1 - 1 / 128f), 0.75f * (1 + 1 / 128f)));
                var logSums = scratch.Read(sums);
                for (var n = 0; n < queryCount; n++)
                {
                    var expected = Math.Log(Enumerable.Range(0, tokens - queryCount + n + 1).Sum(j => Math.Exp(scale * (float)(BFloat16)(j / 8f))));
                    Assert.InRange(logSums[n], expected - 1e-5 * (1 + Math.Abs(expected)), expected + 1e-5 * (1 + Math.Abs(expected)));
                }
            }
        }
    }

    [Theory]
    [InlineData(16, ElementType.Float32)]
    [InlineData(64, ElementType.BFloat16)]
    [InlineData(128, ElementType.BFloat16)]
    public void A_sequence_without_keys_gives_nothing_and_one_without_queries_clears_the_gradients_of_its_keys(int headSize, ElementType storage)
    {
        Needs("AttentionForward", "AttentionBackward");
        foreach (var backend in family.Equivalents)
        {
            var results = Attend(backend, storage, 2, 1, headSize, causal: false, [3, 0, 0, 5]);
            Assert.All(results[0], value => Assert.Equal(0f, value));
            Assert.All(results[1], value => Assert.Equal(float.NegativeInfinity, value));
            foreach (var gradient in results.AsSpan(2))
                Assert.All(gradient, value => Assert.Equal(0f, value));
        }
    }

    /// <summary>More queries or keys than there are rows, offsets out of order, more than the stated maximum, fewer keys than queries.</summary>
    [Theory]
    [InlineData(new[] { 0, 9 }, new[] { 0 }, new[] { 8 }, 9, 9)]
    [InlineData(new[] { 0, 4 }, new[] { 5 }, new[] { 8 }, 9, 9)]
    [InlineData(new[] { 4, 2 }, new[] { 0 }, new[] { 8 }, 9, 9)]
    [InlineData(new[] { -1, 2 }, new[] { 0 }, new[] { 8 }, 9, 9)]
    [InlineData(new[] { 0, 4 }, new[] { 0 }, new[] { 8 }, 3, 9)]
    [InlineData(new[] { 0, 4 }, new[] { 0 }, new[] { 8 }, 9, 7)]
    [InlineData(new[] { 0, 4 }, new[] { 0 }, new[] { 3 }, 9, 9)]
    [InlineData(new[] { 0, 1 }, new[] { int.MaxValue }, new[] { 8 }, 1, 200)]
    public void A_sequence_outside_the_rows_is_reported_and_does_no_harm(int[] queryOffsets, int[] keyOffsets, int[] keyLengths, int maximumQueries, int maximumKeys)
    {
        Needs("AttentionForward", "AttentionBackward");
        const int rows = 8;
        foreach (var backend in family.Equivalents)
        {
            foreach (var (headSize, storage) in (ReadOnlySpan<(int, ElementType)>)[(16, ElementType.Float32), (64, ElementType.BFloat16)])
            {
                using var scratch = new DeviceScratch(backend);
                DeviceView Zeros() => scratch.Matrix(rows, headSize, new double[rows * headSize], storage);
                var (output, sums, delta) = (Zeros(), scratch.Matrix(rows, 1, new double[rows]), scratch.Empty(rows, 1));
                var sequences = new AttentionSequences
                {
                    QueryOffsets = scratch.Indices(queryOffsets), KeyOffsets = scratch.Indices(keyOffsets), KeyLengths = scratch.Indices(keyLengths),
                    MaximumQueries = maximumQueries, MaximumKeys = maximumKeys, Causal = true,
                };
                backend.AttentionForward(output, sums, Zeros(), Zeros(), Zeros(), sequences, headSize, 1f);
                Assert.StartsWith("AttentionForward: ", Assert.Throws<ArgumentException>(backend.Synchronize).Message, StringComparison.Ordinal);
                Assert.All(scratch.Read(output), value => Assert.Equal(0f, value));
                backend.AttentionBackward(Zeros(), Zeros(), Zeros(), delta, Zeros(), Zeros(), Zeros(), Zeros(), output, sums, sequences, headSize, 1f);
                Assert.StartsWith("AttentionBackward: ", Assert.Throws<ArgumentException>(backend.Synchronize).Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void A_row_outside_the_cache_is_reported_and_does_no_harm()
    {
        Needs("CacheAppend");
        foreach (var backend in family.Equivalents)
        {
            foreach (var outside in (ReadOnlySpan<int>)[-1, 4, int.MaxValue])
            {
                using var scratch = new DeviceScratch(backend);
                var (keyCache, valueCache) = (scratch.Matrix(4, 16, new double[64]), scratch.Matrix(4, 16, new double[64]));
                var ones = Enumerable.Repeat(1.0, 32).ToArray();
                backend.CacheAppend(keyCache, valueCache, scratch.Matrix(2, 16, ones), scratch.Matrix(2, 16, ones), scratch.Indices(outside, 2));
                Assert.StartsWith("CacheAppend: ", Assert.Throws<ArgumentException>(backend.Synchronize).Message, StringComparison.Ordinal);
                foreach (var cache in (ReadOnlySpan<DeviceView>)[keyCache, valueCache])
                {
                    var found = scratch.Read(cache);
                    for (var i = 0; i < found.Length; i++)
                        Assert.Equal(i / 16 == 2 ? 1f : 0f, found[i]);
                }
            }
        }
    }

    /// <summary>One sequence whose last query sees all keys.</summary>
    private static AttentionSequences Causal(DeviceScratch scratch, int queries, int keys) => new()
    {
        QueryOffsets = scratch.Indices(0, queries), KeyOffsets = scratch.Indices(0), KeyLengths = scratch.Indices(keys), MaximumQueries = queries, MaximumKeys = keys, Causal = true,
    };

    /// <summary>Output, logSumExp and the gradients of query, key and value, of values that either type holds; `lengths` has queries and keys of each sequence. Rows begin `offset` elements into wider ones.</summary>
    private static float[][] Attend(Backend backend, ElementType storage, int heads, int keyHeads, int headSize, bool causal, int[] lengths, int offset = 0)
    {
        var random = ConformanceSeed.For($"attention {heads} {keyHeads} {headSize} {causal}");
        var count = lengths.Length / 2;
        int[] queryOffsets = new int[count + 1], keyOffsets = new int[count + 1], keyLengths = new int[count];
        for (var b = 0; b < count; b++)
        {
            queryOffsets[b + 1] = queryOffsets[b] + lengths[2 * b];
            keyLengths[b] = lengths[2 * b + 1];
            keyOffsets[b + 1] = keyOffsets[b] + keyLengths[b];
        }
        var (rows, keyRows, columns, keyColumns) = (queryOffsets[count], keyOffsets[count], heads * headSize, keyHeads * headSize);
        using var scratch = new DeviceScratch(backend);
        DeviceView Random(int matrixRows, int matrixColumns) => Place(matrixRows, matrixColumns, Array.ConvertAll(random.Uniform(matrixRows * matrixColumns), value => (double)(float)(BFloat16)(float)value));
        DeviceView Place(int matrixRows, int matrixColumns, double[] values)
        {
            var wide = new double[matrixRows * (matrixColumns + 2 * offset)];
            for (var n = 0; n < matrixRows; n++)
                values.AsSpan(n * matrixColumns, matrixColumns).CopyTo(wide.AsSpan(n * (matrixColumns + 2 * offset) + offset));
            return scratch.Matrix(matrixRows, matrixColumns + 2 * offset, wide, storage).ColumnRange(offset, matrixColumns);
        }
        DeviceView Empty(int matrixRows, int matrixColumns) => scratch.Empty(matrixRows, matrixColumns + 2 * offset, storage).ColumnRange(offset, matrixColumns);
        float[] Read(DeviceView view)
        {
            var (stride, read) = ((int)view.Stride, new float[view.Length]);
            var wide = scratch.Read(new(view.Buffer, view.ByteOffset - offset * storage.Size(), view.Rows, stride, stride, storage));
            for (var n = 0; n < view.Rows; n++)
                wide.AsSpan(n * stride + offset, stride - 2 * offset).CopyTo(read.AsSpan(n * (stride - 2 * offset)));
            return read;
        }
        var (query, key, value, dOutput) = (Random(rows, columns), Random(keyRows, keyColumns), Random(keyRows, keyColumns), Random(rows, columns));
        var (output, sums, delta, dQuery) = (Empty(rows, columns), scratch.Empty(rows, heads), scratch.Empty(rows, heads), Empty(rows, columns));
        var (dKey, dValue) = (Empty(keyRows, keyColumns), Empty(keyRows, keyColumns));
        var sequences = new AttentionSequences
        {
            QueryOffsets = scratch.Indices(queryOffsets), KeyOffsets = scratch.Indices(keyOffsets.AsSpan(0, count)), KeyLengths = scratch.Indices(keyLengths),
            MaximumQueries = lengths.Where((_, i) => i % 2 == 0).Max(), MaximumKeys = keyLengths.Max(), Causal = causal,
        };
        backend.AttentionForward(output, sums, query, key, value, sequences, headSize, 0.3f);
        backend.AttentionBackward(dQuery, dKey, dValue, delta, dOutput, query, key, value, output, sums, sequences, headSize, 0.3f);
        return [Read(output), scratch.Read(sums), Read(dQuery), Read(dKey), Read(dValue)];
    }

    private static void Same(float[][] expected, float[][] found, string where)
    {
        for (var i = 0; i < Names.Length; i++)
            Bits.Equal(expected[i], found[i], $"{Names[i]} on {where}");
    }

    private void Needs(params ReadOnlySpan<string> operations)
    {
        foreach (var operation in operations)
        {
            if (family.WhyOmitted(operation, null) is { } reason)
                Assert.Skip(reason);
        }
    }
}

/// <summary>On the fast device, or the GPU.</summary>
public sealed class AttentionTests_Fast(CudaFastFamily family) : AttentionTests(family), IClassFixture<CudaFastFamily>;

/// <summary>On the checked devices.</summary>
public sealed class AttentionTests_Checked(CudaCheckedFamily family) : AttentionTests(family), IClassFixture<CudaCheckedFamily>;
