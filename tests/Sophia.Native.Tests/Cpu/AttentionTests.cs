using Sophia.Native.Reference;

namespace Sophia.Native.Tests.Cpu;

/// <summary>Attention against the double-precision reference, and its law of bits.</summary>
public sealed class AttentionTests
{
    // fp32 chains over D and over up to 200 keys against double: a few units in the last place of values about 1.
    private const double Tolerance = 2e-5;

    public static TheoryData<string, int> PathsAndThreads => CpuFixture.PathsAndThreads;

    public static TheoryData<string> Paths => CpuFixture.Paths;

    [Theory]
    [MemberData(nameof(Paths))]
    public void Forward_and_backward_agree_with_the_reference(string path)
    {
        using var backend = CpuFixture.Open(path);
        var random = new Random(1);
        foreach (var headSize in (int[])[16, 32, 48, 64, 80, 96, 112, 128])
        foreach (var (keyHeads, group) in ((int, int)[])[(1, 1), (2, 1), (1, 2), (2, 3), (1, 7)])
            Problem.Random(random, 2, 140, keyHeads, group, headSize, random.Next(2) == 0).Check(backend, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Vision_lengths_agree_with_the_reference(string path)
    {
        using var backend = CpuFixture.Open(path);
        var random = new Random(2);
        new Problem(random, [17, 17, 17], [17, 17, 17], 2, 1, 32, false).Check(backend, Tolerance);
        new Problem(random, [257], [257], 1, 1, 64, false).Check(backend, Tolerance);
        new Problem(random, [300], [300], 1, 2, 64, true).Check(backend, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Empty_sequences_and_sequences_without_keys_are_handled(string path)
    {
        using var backend = CpuFixture.Open(path);
        new Problem(new Random(3), [0, 3, 1, 0, 2], [0, 0, 1, 5, 64], 1, 2, 16, false).Check(backend, Tolerance);
        new Problem(new Random(3), [0, 1, 0], [7, 65, 0], 1, 2, 16, true).Check(backend, Tolerance);
        new Problem(new Random(3), [], [], 1, 1, 16, true).Check(backend, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Large_scores_do_not_overflow(string path)
    {
        using var backend = CpuFixture.Open(path);
        var problem = new Problem(new Random(4), [70, 9], [130, 9], 1, 2, 32, true) { Scale = 60f };
        var output = problem.Forward(backend).Output;
        Assert.DoesNotContain(output, value => !float.IsFinite(value));
    }

    [Theory]
    [MemberData(nameof(PathsAndThreads))]
    public void Prefill_pieces_and_decoding_give_the_same_bits(string path, int threads)
    {
        using var backend = CpuFixture.Open(path, threads);
        var random = new Random(5);
        for (var trial = 0; trial < 6; trial++)
        {
            var (keyHeads, group) = (random.Next(1, 3), random.Next(1, 8));
            var whole = Problem.Random(random, 4, 200, keyHeads, group, 16 * random.Next(1, 9), true);
            var (output, logSumExp) = whole.Forward(backend);
            int[] step = [1, 1, 3, 17, 64, 100];
            var piece = step[trial % step.Length];
            for (var b = 0; b < whole.Queries.Length; b++)
            {
                for (var first = 0; first < whole.Queries[b]; first += piece)
                {
                    var count = Math.Min(piece, whole.Queries[b] - first);
                    var part = whole.Part(b, first, count);
                    var (partOutput, partLogSumExp) = part.Forward(backend);
                    var row = whole.QueryOffsets[b] + first;
                    CpuFixture.SameBits(output.AsSpan(row * whole.QueryColumns, count * whole.QueryColumns), partOutput, $"trial {trial}, sequence {b}, queries from {first}: output");
                    CpuFixture.SameBits(logSumExp.AsSpan(row * whole.Heads, count * whole.Heads), partLogSumExp, $"trial {trial}, sequence {b}, queries from {first}: logSumExp");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Packing_and_threads_change_no_bit(string path)
    {
        using var one = CpuFixture.Open(path, 1);
        using var two = CpuFixture.Open(path, 2);
        var random = new Random(6);
        foreach (var causal in (bool[])[true, false])
        {
            var packed = Problem.Random(random, 7, 150, 2, 3, 48, causal);
            var (output, logSumExp) = packed.Forward(one);
            var (outputOfTwo, logSumExpOfTwo) = packed.Forward(two);
            CpuFixture.SameBits(output, outputOfTwo, "output");
            CpuFixture.SameBits(logSumExp, logSumExpOfTwo, "logSumExp");
            var gradients = packed.Backward(one, output, logSumExp);
            var gradientsOfTwo = packed.Backward(two, output, logSumExp);
            for (var i = 0; i < gradients.Length; i++)
                CpuFixture.SameBits(gradients[i], gradientsOfTwo[i], $"gradient {i}");
            for (var b = 0; b < packed.Queries.Length; b++)
            {
                var alone = packed.Part(b, 0, packed.Queries[b]);
                var (outputAlone, logSumExpAlone) = alone.Forward(two);
                var row = packed.QueryOffsets[b];
                CpuFixture.SameBits(output.AsSpan(row * packed.QueryColumns, packed.Queries[b] * packed.QueryColumns), outputAlone, $"sequence {b} alone: output");
                var gradientsAlone = alone.Backward(two, outputAlone, logSumExpAlone);
                CpuFixture.SameBits(gradients[0].AsSpan(row * packed.QueryColumns, packed.Queries[b] * packed.QueryColumns), gradientsAlone[0], $"sequence {b} alone: dQuery");
                var keys = packed.KeyLengths[b] * packed.KeyColumns;
                CpuFixture.SameBits(gradients[1].AsSpan(packed.KeyOffsets[b] * packed.KeyColumns, keys), gradientsAlone[1].AsSpan(Problem.Gap * packed.KeyColumns, keys), $"sequence {b} alone: dKey");
                CpuFixture.SameBits(gradients[2].AsSpan(packed.KeyOffsets[b] * packed.KeyColumns, keys), gradientsAlone[2].AsSpan(Problem.Gap * packed.KeyColumns, keys), $"sequence {b} alone: dValue");
            }
        }
    }

    [Fact]
    public void Every_path_gives_the_same_bits()
    {
        Assert.SkipUnless(CpuPaths.Supported.Length > 1, "This processor has one path.");
        float[]? expected = null;
        foreach (var path in CpuPaths.Supported)
        {
            using var backend = CpuFixture.Open(path.ToString());
            var problem = Problem.Random(new Random(10), 5, 150, 2, 2, 80, true);
            var (output, logSumExp) = problem.Forward(backend);
            var gradients = problem.Backward(backend, output, logSumExp);
            float[] found = [.. output, .. logSumExp, .. gradients[0], .. gradients[1], .. gradients[2]];
            CpuFixture.SameBits(expected ??= found, found, path.ToString());
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void A_step_allocates_nothing(string path)
    {
        using var backend = CpuFixture.Open(path, 1);
        var problem = Problem.Random(new Random(7), 4, 100, 2, 2, 32, true);
        Assert.Equal(0, CpuFixture.AllocatedBytes(problem.Prepare(backend)));
    }

    [Fact]
    public void Sequences_that_lie_are_refused()
    {
        using var backend = CpuFixture.Open("portable", 1);
        var outside = new Problem(new Random(8), [3], [3], 1, 1, 16, true);
        outside.KeyLengths[0] = 300;
        Assert.Contains("the keys of sequence 0", Assert.Throws<ArgumentException>(() => outside.Forward(backend)).Message);
        var fewKeys = new Problem(new Random(8), [3], [3], 1, 1, 16, true);
        fewKeys.KeyLengths[0] = 2;
        Assert.Contains("3 queries but 2 keys", Assert.Throws<ArgumentException>(() => fewKeys.Forward(backend)).Message);
        var tooMany = new Problem(new Random(8), [3], [3], 1, 1, 16, true) { MaximumQueries = 2 };
        Assert.Contains("MaximumQueries", Assert.Throws<ArgumentException>(() => tooMany.Forward(backend)).Message);
    }

    /// <summary>Packed sequences with their keys in slots of a cache: before, between and behind the slots lie rows of NaN. Query, key and value are columns of wider matrices.</summary>
    private sealed class Problem
    {
        /// <summary>Rows of NaN before every slot and behind the last.</summary>
        public const int Gap = 3;

        private const int Margin = 16;
        private readonly int _keyHeads;
        private readonly int _headSize;
        private readonly bool _causal;
        private readonly float[] _query;
        private readonly float[] _key;
        private readonly float[] _value;
        private readonly float[] _dOutput;

        public Problem(Random random, int[] queries, int[] keys, int keyHeads, int group, int headSize, bool causal)
            : this(queries, keys, keyHeads, keyHeads * group, headSize, causal, null, null, null, null)
        {
            CpuFixture.Normal(random, _query.Length).CopyTo(_query, 0);
            CpuFixture.Normal(random, _dOutput.Length).CopyTo(_dOutput, 0);
            for (var b = 0; b < keys.Length; b++)
            {
                CpuFixture.Normal(random, keys[b] * KeyColumns).CopyTo(_key, KeyOffsets[b] * KeyColumns);
                CpuFixture.Normal(random, keys[b] * KeyColumns).CopyTo(_value, KeyOffsets[b] * KeyColumns);
            }
        }

        private Problem(int[] queries, int[] keys, int keyHeads, int heads, int headSize, bool causal, float[]? query, float[]? dOutput, float[]? key, float[]? value)
        {
            Queries = queries;
            KeyLengths = [.. keys];
            Heads = heads;
            _keyHeads = keyHeads;
            _headSize = headSize;
            _causal = causal;
            Scale = 1f / MathF.Sqrt(headSize);
            QueryOffsets = new int[queries.Length + 1];
            KeyOffsets = new int[keys.Length];
            var row = Gap;
            for (var b = 0; b < queries.Length; b++)
            {
                QueryOffsets[b + 1] = QueryOffsets[b] + queries[b];
                KeyOffsets[b] = row;
                row += keys[b] + Gap;
            }
            KeyRows = row;
            MaximumQueries = queries.DefaultIfEmpty().Max();
            _query = query ?? new float[QueryOffsets[^1] * QueryColumns];
            _dOutput = dOutput ?? new float[QueryOffsets[^1] * QueryColumns];
            _key = new float[KeyRows * KeyColumns];
            _value = new float[KeyRows * KeyColumns];
            Array.Fill(_key, float.NaN);
            Array.Fill(_value, float.NaN);
            key?.CopyTo(_key, Gap * KeyColumns);
            value?.CopyTo(_value, Gap * KeyColumns);
        }

        public int[] Queries { get; }

        public int[] QueryOffsets { get; }

        public int[] KeyOffsets { get; }

        public int[] KeyLengths { get; }

        public int KeyRows { get; }

        public int Heads { get; }

        public int QueryColumns => Heads * _headSize;

        public int KeyColumns => _keyHeads * _headSize;

        public int MaximumQueries { get; init; }

        public float Scale { get; init; }

        public static Problem Random(Random random, int sequences, int longest, int keyHeads, int group, int headSize, bool causal)
        {
            var keys = new int[sequences];
            var queries = new int[sequences];
            for (var b = 0; b < sequences; b++)
            {
                keys[b] = random.Next(4) == 0 ? 64 * random.Next(1, Math.Max(2, longest / 64)) : random.Next(1, longest + 1);
                queries[b] = random.Next(2) == 0 && causal ? keys[b] : random.Next(1, (causal ? keys[b] : longest) + 1);
            }
            return new(random, queries, keys, keyHeads, group, headSize, causal);
        }

        /// <summary>Some queries of one sequence, with the keys they may see.</summary>
        public Problem Part(int sequence, int first, int count)
        {
            var keys = _causal ? KeyLengths[sequence] - Queries[sequence] + first + count : KeyLengths[sequence];
            var row = QueryOffsets[sequence] + first;
            var slot = KeyOffsets[sequence] * KeyColumns;
            return new([count], [keys], _keyHeads, Heads, _headSize, _causal, _query[(row * QueryColumns)..((row + count) * QueryColumns)], _dOutput[(row * QueryColumns)..((row + count) * QueryColumns)],
                _key[slot..(slot + keys * KeyColumns)], _value[slot..(slot + keys * KeyColumns)])
            { Scale = Scale };
        }

        public (float[] Output, float[] LogSumExp) Forward(Backend backend)
        {
            var output = CpuFixture.Floats(backend, QueryOffsets[^1], QueryColumns, float.NaN);
            var logSumExp = CpuFixture.Floats(backend, QueryOffsets[^1], Heads, float.NaN);
            backend.AttentionForward(output, logSumExp, Wide(backend, _query, QueryColumns), Wide(backend, _key, KeyColumns), Wide(backend, _value, KeyColumns), Sequences(backend), _headSize, Scale);
            var withoutLogSumExp = CpuFixture.Floats(backend, QueryOffsets[^1], QueryColumns, float.NaN);
            backend.AttentionForward(withoutLogSumExp, default, Wide(backend, _query, QueryColumns), Wide(backend, _key, KeyColumns), Wide(backend, _value, KeyColumns), Sequences(backend), _headSize, Scale);
            CpuFixture.SameBits(CpuFixture.Floats(backend, output), CpuFixture.Floats(backend, withoutLogSumExp), "output without logSumExp");
            return (CpuFixture.Floats(backend, output), CpuFixture.Floats(backend, logSumExp));
        }

        /// <summary>dQuery, dKey, dValue.</summary>
        public float[][] Backward(Backend backend, float[] output, float[] logSumExp)
        {
            var rows = QueryOffsets[^1];
            var dQuery = CpuFixture.Floats(backend, rows, QueryColumns, float.NaN);
            var dKey = CpuFixture.Floats(backend, KeyRows, KeyColumns, 12345f);
            var dValue = CpuFixture.Floats(backend, KeyRows, KeyColumns, 12345f);
            backend.AttentionBackward(dQuery, dKey, dValue, CpuFixture.Floats(backend, rows, Heads, float.NaN), CpuFixture.Floats(backend, rows, QueryColumns, _dOutput), Wide(backend, _query, QueryColumns),
                Wide(backend, _key, KeyColumns), Wide(backend, _value, KeyColumns), CpuFixture.Floats(backend, rows, QueryColumns, output), CpuFixture.Floats(backend, rows, Heads, logSumExp),
                Sequences(backend), _headSize, Scale);
            return [CpuFixture.Floats(backend, dQuery), CpuFixture.Floats(backend, dKey), CpuFixture.Floats(backend, dValue)];
        }

        public void Check(Backend backend, double tolerance)
        {
            var rows = QueryOffsets[^1];
            var output = new double[rows * QueryColumns];
            var logSumExp = new double[rows * Heads];
            var (query, key, value) = (CpuFixture.Doubles(_query), CpuFixture.Doubles(_key), CpuFixture.Doubles(_value));
            ReferenceOperations.AttentionForward(output, logSumExp, query, key, value, QueryOffsets, KeyOffsets, KeyLengths, _causal, Heads, _keyHeads, _headSize, Scale);
            var (found, foundLogSumExp) = Forward(backend);
            CpuFixture.Close(output, found, tolerance, tolerance, "output");
            CpuFixture.Close(logSumExp, foundLogSumExp, tolerance, tolerance, "logSumExp");

            var dQuery = new double[output.Length];
            var dKey = new double[key.Length];
            var dValue = new double[key.Length];
            Array.Fill(dKey, 12345.0);
            Array.Fill(dValue, 12345.0);
            ReferenceOperations.AttentionBackward(dQuery, dKey, dValue, CpuFixture.Doubles(_dOutput), query, key, value, output, logSumExp, QueryOffsets, KeyOffsets, KeyLengths,
                _causal, Heads, _keyHeads, _headSize, Scale);
            var gradients = Backward(backend, found, foundLogSumExp);
            CpuFixture.Close(dQuery, gradients[0], 5 * tolerance, tolerance, "dQuery");
            CpuFixture.Close(dKey, gradients[1], 5 * tolerance, tolerance, "dKey");
            CpuFixture.Close(dValue, gradients[2], 5 * tolerance, tolerance, "dValue");
        }

        /// <summary>A forward and a backward pass over memory that is there already.</summary>
        public Action Prepare(Backend backend)
        {
            var rows = QueryOffsets[^1];
            var (query, key, value) = (Wide(backend, _query, QueryColumns), Wide(backend, _key, KeyColumns), Wide(backend, _value, KeyColumns));
            var (output, logSumExp, delta) = (CpuFixture.Floats(backend, rows, QueryColumns), CpuFixture.Floats(backend, rows, Heads), CpuFixture.Floats(backend, rows, Heads));
            var (dOutput, dQuery) = (CpuFixture.Floats(backend, rows, QueryColumns, _dOutput), CpuFixture.Floats(backend, rows, QueryColumns));
            var (dKey, dValue) = (CpuFixture.Floats(backend, KeyRows, KeyColumns), CpuFixture.Floats(backend, KeyRows, KeyColumns));
            var sequences = Sequences(backend);
            return () =>
            {
                backend.AttentionForward(output, logSumExp, query, key, value, sequences, _headSize, Scale);
                backend.AttentionBackward(dQuery, dKey, dValue, delta, dOutput, query, key, value, output, logSumExp, sequences, _headSize, Scale);
            };
        }

        private AttentionSequences Sequences(Backend backend) => new()
        {
            QueryOffsets = CpuFixture.Integers(backend, QueryOffsets),
            KeyOffsets = CpuFixture.Integers(backend, KeyOffsets),
            KeyLengths = CpuFixture.Integers(backend, KeyLengths),
            MaximumQueries = MaximumQueries,
            MaximumKeys = KeyLengths.DefaultIfEmpty().Max(),
            Causal = _causal,
        };

        /// <summary>The values as columns of a matrix that has more, filled with NaN.</summary>
        private static DeviceView Wide(Backend backend, float[] values, int columns)
        {
            var rows = values.Length / columns;
            var wide = new float[rows * (columns + Margin)];
            Array.Fill(wide, float.NaN);
            for (var row = 0; row < rows; row++)
                values.AsSpan(row * columns, columns).CopyTo(wide.AsSpan(row * (columns + Margin) + 7));
            return CpuFixture.Floats(backend, rows, columns + Margin, wide).ColumnRange(7, columns);
        }
    }
}
