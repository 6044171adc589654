using Sophia.Native.Objectives;

namespace Sophia.Native.Tests.Cpu;

/// <summary>The head's bits: what scoring, training and sampling say of the same logits, in chunks of any size, on every path.</summary>
public sealed class HeadTests
{
    private const int Channels = 24;

    public static TheoryData<string> Paths => CpuFixture.Paths;

    [Theory]
    [MemberData(nameof(Paths))]
    public void Scoring_training_and_sampling_give_the_same_log_probabilities(string path)
    {
        using var backend = CpuFixture.Open(path);
        var random = new Random(1);
        foreach (var vocabulary in (int[])[1, 7, 16, 31, 50, 333, 4096, 4099, 9001])
        foreach (var temperature in (float[])[1f, 0.7f])
        {
            var problem = new Problem(backend, random, 12, vocabulary) { Temperature = temperature };
            var logits = CpuFixture.Floats(backend, 12, vocabulary, float.NaN);
            backend.LinearForward(logits, problem.Hidden, problem.Weight, default);
            var tokens = CpuFixture.Integers(backend, new int[12]);
            var sampled = CpuFixture.Floats(backend, 1, 12, float.NaN);
            int[] numbers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
            backend.SampleTokens(tokens, sampled, logits, CpuFixture.Integers(backend, numbers), CpuFixture.Integers(backend, numbers), new SamplingOptions { Temperature = temperature, Seed = 5 });
            var drawn = new int[12];
            backend.Download<int>(drawn, tokens);
            drawn[3] = drawn[7] = -1;
            problem.SetTargets(drawn);

            var (scored, entropies) = problem.Forward(chunk: 5);
            var expected = CpuFixture.Floats(backend, sampled);
            expected[3] = expected[7] = 0;
            CpuFixture.SameBits(expected, scored, $"vocabulary {vocabulary}: scored");
            problem.Objective(chunk: 4);
            CpuFixture.SameBits(expected, CpuFixture.Floats(backend, problem.LogProbabilities), $"vocabulary {vocabulary}: trained");
            CpuFixture.SameBits(entropies, CpuFixture.Floats(backend, problem.Entropies), $"vocabulary {vocabulary}: entropies");
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void The_size_of_the_chunk_changes_no_bit(string path)
    {
        using var backend = CpuFixture.Open(path);
        var problem = new Problem(backend, new Random(2), 37, 211);
        problem.Objective(chunk: 37);
        var (dHidden, dWeight, losses) = (CpuFixture.Floats(backend, problem.DHidden), CpuFixture.Floats(backend, problem.DWeight), CpuFixture.Floats(backend, problem.Losses));
        foreach (var chunk in (int[])[1, 2, 5, 16, 36, 64])
        {
            problem.Objective(chunk);
            CpuFixture.SameBits(dHidden, CpuFixture.Floats(backend, problem.DHidden), $"chunk {chunk}: dHidden");
            CpuFixture.SameBits(dWeight, CpuFixture.Floats(backend, problem.DWeight), $"chunk {chunk}: dWeight");
            CpuFixture.SameBits(losses, CpuFixture.Floats(backend, problem.Losses), $"chunk {chunk}: losses");
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
            var problem = new Problem(backend, new Random(3), 9, 9001) { Temperature = 1.3f };
            problem.Objective(chunk: 4);
            float[] found = [.. CpuFixture.Floats(backend, problem.LogProbabilities), .. CpuFixture.Floats(backend, problem.Entropies), .. CpuFixture.Floats(backend, problem.DHidden), .. CpuFixture.Floats(backend, problem.DWeight)];
            CpuFixture.SameBits(expected ??= found, found, path.ToString());
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Rows_that_are_not_trained_give_no_gradient(string path)
    {
        using var backend = CpuFixture.Open(path);
        var problem = new Problem(backend, new Random(4), 8, 40);
        problem.SetTargets([3, -1, 5, -1, 7, 8, 9, 39]);
        problem.SetNormalizers([0, 1, 0, 0, 0.5f, 0, 0.25f, 0]);
        problem.Objective(chunk: 3);
        var dHidden = CpuFixture.Floats(backend, problem.DHidden);
        var losses = CpuFixture.Floats(backend, problem.Losses);
        for (var row = 0; row < 8; row++)
        {
            Assert.Equal(row is 4 or 6, dHidden.AsSpan(row * Channels, Channels).ContainsAnyExcept(0f));
            Assert.Equal(row is 4 or 6, losses[row] != 0);
        }
        CpuFixture.SameBits(problem.Forward(chunk: 8).LogProbabilities, CpuFixture.Floats(backend, problem.LogProbabilities), "log-probabilities");

        problem.SetTargets([-1, -1, -1, -1, -1, -1, -1, -1]);
        problem.Objective(chunk: 3);
        Assert.DoesNotContain(CpuFixture.Floats(backend, problem.DHidden), value => value != 0);
        Assert.DoesNotContain(CpuFixture.Floats(backend, problem.DWeight), value => value != 0);
        Assert.DoesNotContain(CpuFixture.Floats(backend, problem.LogProbabilities), value => value != 0);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void A_step_allocates_nothing(string path)
    {
        using var backend = CpuFixture.Open(path, 1);
        var problem = new Problem(backend, new Random(5), 30, 100);
        Assert.Equal(0, CpuFixture.AllocatedBytes(problem.Prepare(chunk: 8)));
    }

    [Fact]
    public void A_target_outside_the_vocabulary_is_refused()
    {
        using var backend = CpuFixture.Open("portable", 1);
        var problem = new Problem(backend, new Random(6), 3, 10);
        problem.SetTargets([1, 10, 2]);
        Assert.Contains("the target of row 1 is 10", Assert.Throws<ArgumentException>(() => problem.Forward(2)).Message);
        problem.SetTargets([1, 2, -2]);
        Assert.Contains("the target of row 2 is -2", Assert.Throws<ArgumentException>(() => problem.Objective(2)).Message);
    }

    [Fact]
    public void Sequences_out_of_order_are_refused()
    {
        using var backend = CpuFixture.Open("portable", 1);
        var four = CpuFixture.Floats(backend, 1, 4);
        Assert.Contains("sequence 1 is rows 3 to 2", Assert.Throws<ArgumentException>(() => backend.SequenceLogRatios(four, four, four, four, CpuFixture.Integers(backend, [0, 3, 2]))).Message);
    }

    private sealed class Problem
    {
        private readonly Backend _backend;
        private readonly int _rows;
        private readonly int _vocabulary;
        private readonly DeviceView _targets;
        private readonly DeviceView _weights;
        private readonly DeviceView _normalizers;
        private readonly DeviceView _ratios;

        public Problem(Backend backend, Random random, int rows, int vocabulary)
        {
            _backend = backend;
            _rows = rows;
            _vocabulary = vocabulary;
            Hidden = CpuFixture.Floats(backend, rows, Channels, CpuFixture.Normal(random, rows * Channels));
            Weight = CpuFixture.Floats(backend, vocabulary, Channels, CpuFixture.Normal(random, vocabulary * Channels));
            _weights = CpuFixture.Floats(backend, 1, rows, CpuFixture.Normal(random, rows));
            var (targets, normalizers) = (new int[rows], new float[rows]);
            for (var row = 0; row < rows; row++)
            {
                targets[row] = random.Next(5) == 0 ? -1 : random.Next(vocabulary);
                normalizers[row] = random.Next(3) == 0 ? 0f : 1f / rows;
            }
            _targets = CpuFixture.Integers(backend, targets);
            _normalizers = CpuFixture.Floats(backend, 1, rows, normalizers);
            LogProbabilities = CpuFixture.Floats(backend, 1, rows);
            Entropies = CpuFixture.Floats(backend, 1, rows);
            Losses = CpuFixture.Floats(backend, 1, rows);
            _ratios = CpuFixture.Floats(backend, 1, rows);
            DHidden = CpuFixture.Floats(backend, rows, Channels);
            DWeight = CpuFixture.Floats(backend, vocabulary, Channels);
        }

        public float Temperature { get; init; } = 1f;

        public DeviceView Hidden { get; }

        public DeviceView Weight { get; }

        public DeviceView LogProbabilities { get; }

        public DeviceView Entropies { get; }

        public DeviceView Losses { get; }

        public DeviceView DHidden { get; }

        public DeviceView DWeight { get; }

        public void SetTargets(ReadOnlySpan<int> targets) => _backend.Upload(_targets, targets);

        public void SetNormalizers(ReadOnlySpan<float> normalizers) => _backend.Upload(_normalizers, normalizers);

        public (float[] LogProbabilities, float[] Entropies) Forward(int chunk)
        {
            var logProbabilities = CpuFixture.Floats(_backend, 1, _rows, float.NaN);
            var entropies = CpuFixture.Floats(_backend, 1, _rows, float.NaN);
            _backend.HeadForward(logProbabilities, entropies, Hidden, Weight, _targets, CpuFixture.Floats(_backend, chunk, _vocabulary, float.NaN), Temperature);
            return (CpuFixture.Floats(_backend, logProbabilities), CpuFixture.Floats(_backend, entropies));
        }

        public void Objective(int chunk) => Prepare(chunk)();

        /// <summary>One call over memory that is there already, the gradient of the weight from zero.</summary>
        public Action Prepare(int chunk)
        {
            var workspace = CpuFixture.Floats(_backend, chunk, _vocabulary, float.NaN);
            ObjectiveResults results = new() { LogProbabilities = LogProbabilities, Entropies = Entropies, Losses = Losses, Ratios = _ratios };
            ObjectiveInputs inputs = new() { Targets = _targets, Weights = _weights, Normalizers = _normalizers };
            ObjectiveOptions options = new() { Temperature = Temperature };
            return () =>
            {
                _backend.Fill(DWeight, 0f);
                _backend.Fill(DHidden, float.NaN);
                _backend.HeadObjective(DHidden, DWeight, results, Hidden, Weight, inputs, workspace, options);
            };
        }
    }
}
