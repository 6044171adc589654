using Sophia.Native.Conformance;
using Sophia.Native.Cuda.Tests.Conformance;
using Sophia.Native.Objectives;
using Sophia.Native.Rewards;

namespace Sophia.Native.Cuda.Tests.Operations;

/// <summary>Operations whose fp32 results are those of the CPU bit by bit: they follow the same order of the same operations.</summary>
public sealed class SameBitsAsCpuTests(CudaFastFamily family) : IClassFixture<CudaFastFamily>, IDisposable
{
    private readonly Backend _cpu = Backend.Open("cpu", new BackendOptions { Threads = 2 });

    /// <summary>Vocabularies below, at and above the blocks of 4096 columns in which sums are taken.</summary>
    public static TheoryData<int> Vocabularies => [1, 3, 33, 1000, 4096, 4099, 20011];

    public void Dispose() => _cpu.Dispose();

    /// <summary>Uniform logits, logits of few values (ties everywhere), steep ones, and rows with infinities or NaN, under every kind of truncation.</summary>
    [Theory]
    [MemberData(nameof(Vocabularies))]
    public void Equal_logits_give_the_samples_of_the_processor(int vocabulary)
    {
        Needs("SampleTokens");
        // Where a cut between few tokens is off by one, some of many draws show it.
        var rows = vocabulary < 100 ? 600 : 24;
        var random = ConformanceSeed.For($"samples of both backends {vocabulary}");
        var logits = SampledLogits(random, rows, vocabulary);
        var (samples, positions) = (random.Integers(rows, 0, 1000), random.Integers(rows, 0, 1000));
        foreach (var options in SamplingKinds(vocabulary))
        {
            var drawn = options with { Seed = (ulong)random.Next(0, int.MaxValue) * 7919 };
            var expected = Sample(_cpu, rows, vocabulary, logits, samples, positions, drawn);
            var found = Sample(family.Subject, rows, vocabulary, logits, samples, positions, drawn);
            for (var row = 0; row < rows; row++)
            {
                var what = $"seed {ConformanceSeed.Value}, row {row} of {vocabulary}, {drawn}";
                Assert.True(expected.Tokens[row] == found.Tokens[row], $"{what}: token {expected.Tokens[row]} there, {found.Tokens[row]} here.");
                Assert.True(expected.LogProbabilities[row].Equals(found.LogProbabilities[row]), $"{what}: log-probability {expected.LogProbabilities[row]:R} there, {found.LogProbabilities[row]:R} here.");
            }
        }
    }

    [Theory]
    [InlineData(1, 1, 1, 1)]
    [InlineData(37, 24, 67, 5)]
    [InlineData(9, 8, 4100, 4)]
    [InlineData(6, 16, 9001, 6)]
    public void Head_and_objective_have_the_bits_of_the_processor(int rows, int channels, int vocabulary, int chunk)
    {
        Needs("HeadForward", "HeadObjective", "SequenceLogRatios", "ObjectiveStatistics", "LinearForward", "LinearBackwardInput", "LinearBackwardWeight");
        foreach (var ratio in Enum.GetValues<ImportanceRatio>())
        {
            foreach (var divergence in Enum.GetValues<DivergenceEstimator>())
            {
                var options = new ObjectiveOptions { Ratio = ratio, Divergence = divergence, DivergenceCoefficient = 0.1f, ClipLow = 0.8f, ClipHigh = 1.28f, Temperature = 0.9f };
                var name = $"objective of both backends {rows} {channels} {vocabulary} {ratio} {divergence}";
                var expected = Objective(_cpu, ConformanceSeed.For(name), rows, channels, vocabulary, chunk, options);
                var found = Objective(family.Subject, ConformanceSeed.For(name), rows, channels, vocabulary, Math.Max(1, chunk - 2), options);
                for (var i = 0; i < expected.Length; i++)
                    Bits.Equal(expected[i], found[i], $"{name}, result {i}");
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4099)]
    [InlineData(70001)]
    public void AdamW_has_the_bits_of_the_processor(int count)
    {
        Needs("AdamW");
        float[][] Update(Backend backend)
        {
            var random = ConformanceSeed.For($"AdamW of both backends {count}");
            using var scratch = new DeviceScratch(backend);
            var (parameters, first, second) = (scratch.Vector(random.Uniform(count)), scratch.Vector(random.Uniform(count)), scratch.Vector(random.Uniform(count, 0.0, 1.0)));
            var (gradients, state) = (scratch.Vector(random.Uniform(count)), scratch.Vector([3.0, 0.7, 1.0, 0.0]));
            backend.AdamW(parameters, first, second, gradients, state, new AdamWStep { LearningRate = 3e-3, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8, WeightDecay = 0.05, Step = 17 });
            return [scratch.Read(parameters), scratch.Read(first), scratch.Read(second)];
        }
        var (expected, found) = (Update(_cpu), Update(family.Subject));
        for (var i = 0; i < expected.Length; i++)
            Bits.Equal(expected[i], found[i], $"AdamW of {count} elements, result {i}");
    }

    [Fact]
    public void Rewards_and_selections_are_those_of_the_processor()
    {
        Needs("PropagateRewards", "SelectTrajectories");
        const int groups = 70, captions = 8, answers = 9;
        float[][] Select(Backend backend, SelectionMode mode, int keep)
        {
            var random = ConformanceSeed.For($"selections of both backends {mode} {keep}");
            using var scratch = new DeviceScratch(backend);
            var outcomes = scratch.Matrix(groups, captions * answers, Array.ConvertAll(random.Integers(groups * captions * answers, 0, 4), draw => draw == 0 ? 0.0 : 1.0));
            var (captionRewards, rewards) = (scratch.Empty(groups, captions), scratch.Empty(groups, captions * answers));
            var lengths = scratch.Empty(groups, captions * answers, ElementType.Int32);
            backend.Upload<int>(lengths, random.Integers(groups * captions * answers, -1, 40));
            backend.PropagateRewards(captionRewards, outcomes);
            backend.SelectTrajectories(rewards, captionRewards, outcomes, lengths, new SelectionOptions { Captions = captions, Answers = answers, Alpha = 0.6f, Keep = keep, Mode = mode, Seed = 77 });
            return [scratch.Read(captionRewards), scratch.Read(rewards)];
        }
        foreach (var mode in Enum.GetValues<SelectionMode>())
        {
            foreach (var keep in (ReadOnlySpan<int>)[1, 3, 1000])
            {
                var (expected, found) = (Select(_cpu, mode, keep), Select(family.Subject, mode, keep));
                for (var i = 0; i < expected.Length; i++)
                    Bits.Equal(expected[i], found[i], $"{mode}, keep {keep}, result {i}");
            }
        }
    }

    private static SamplingOptions[] SamplingKinds(int vocabulary) =>
    [
        new() { Temperature = 0f },
        new() { Temperature = 1f },
        new() { Temperature = 0.7f, MinP = 0.2f },
        new() { TopK = 1 },
        new() { TopK = 7, Temperature = 1.4f },
        new() { TopK = Math.Max(1, vocabulary / 2), MinP = 0.01f },
        new() { TopP = 1e-6f },
        new() { TopP = 0.5f },
        new() { TopP = 0.95f, Temperature = 0.6f },
        new() { TopP = 0.9999999f },
        new() { TopK = 50, TopP = 0.8f, MinP = 0.05f },
        new() { TopK = Math.Max(1, vocabulary - 1), TopP = 0.99f },
    ];

    private static float[] SampledLogits(CaseRandom random, int rows, int vocabulary)
    {
        var logits = new float[rows * vocabulary];
        for (var row = 0; row < rows; row++)
        {
            var kind = row % 6;
            for (var v = 0; v < vocabulary; v++)
            {
                logits[row * vocabulary + v] = kind switch
                {
                    0 => (float)(8.0 * random.NextDouble() - 4.0),
                    1 => random.Next(-3, 3),
                    2 => (float)(200.0 * random.NextDouble() - 100.0),
                    3 => random.Next(0, 2) == 0 ? 0f : -0f,
                    4 => random.Next(0, 3) == 0 ? float.NegativeInfinity : (float)random.NextDouble(),
                    _ => 3f,
                };
            }
        }
        // The last rows hold what a broken model gives.
        logits[^(1 + vocabulary / 2)] = float.NaN;
        logits[^(vocabulary + 1 + vocabulary / 3)] = float.PositiveInfinity;
        logits.AsSpan((rows - 3) * vocabulary, vocabulary).Fill(float.NegativeInfinity);
        return logits;
    }

    private static (int[] Tokens, float[] LogProbabilities) Sample(Backend backend, int rows, int vocabulary, float[] values, int[] samples, int[] positions, SamplingOptions options)
    {
        using var scratch = new DeviceScratch(backend);
        var (logits, tokens, logProbabilities) = (scratch.Empty(rows, vocabulary), scratch.Empty(1, rows, ElementType.Int32), scratch.Empty(1, rows));
        backend.Upload<float>(logits, values);
        backend.SampleTokens(tokens, logProbabilities, logits, scratch.Indices(samples), scratch.Indices(positions), options);
        return (scratch.ReadIndices(tokens), scratch.Read(logProbabilities));
    }

    private static float[][] Objective(Backend backend, CaseRandom random, int rows, int channels, int vocabulary, int chunk, ObjectiveOptions options)
    {
        using var scratch = new DeviceScratch(backend);
        var (hidden, weight) = (scratch.Matrix(rows, channels, random.Uniform(rows * channels)), scratch.Matrix(vocabulary, channels, random.Uniform(vocabulary * channels)));
        var factors = random.Uniform(rows, 0.2, 1.0);
        for (var n = 1; n < rows; n += 3)
            factors[n] = 0.0;
        var targets = scratch.Indices(random.Integers(rows, rows > 1 ? -1 : 0, vocabulary));
        var (normalizers, workspace) = (scratch.Vector(factors), scratch.Empty(chunk, vocabulary));
        var (behavior, snapshot, reference) = (scratch.Vector(random.Uniform(rows, -6.0, -0.1)), scratch.Vector(random.Uniform(rows, -6.0, -0.1)), scratch.Vector(random.Uniform(rows, -6.0, -0.1)));
        var (forward, entropies, sequenceLogRatios) = (scratch.Empty(1, rows), scratch.Empty(1, rows), scratch.Empty(1, rows));
        backend.HeadForward(forward, entropies, hidden, weight, targets, workspace, options.Temperature);
        backend.SequenceLogRatios(sequenceLogRatios, forward, behavior, normalizers, scratch.Indices(0, rows / 3, rows / 3, rows));
        var (dHidden, dWeight) = (scratch.Empty(rows, channels), scratch.Matrix(vocabulary, channels, random.Uniform(vocabulary * channels)));
        var results = new ObjectiveResults { LogProbabilities = scratch.Empty(1, rows), Entropies = scratch.Empty(1, rows), Losses = scratch.Empty(1, rows), Ratios = scratch.Empty(1, rows) };
        var inputs = new ObjectiveInputs
        {
            Targets = targets, Weights = scratch.Vector(random.Uniform(rows, -1.0, 2.0)), Normalizers = normalizers, BehaviorLogProbabilities = behavior, SnapshotLogProbabilities = snapshot,
            ReferenceLogProbabilities = reference, SequenceLogRatios = sequenceLogRatios,
        };
        backend.HeadObjective(dHidden, dWeight, results, hidden, weight, inputs, workspace, options);
        var metrics = scratch.Empty(1, ObjectiveMetrics.Length, ElementType.Float64);
        backend.Fill(metrics, 0f);
        backend.ObjectiveStatistics(metrics, results, inputs, options);
        backend.ObjectiveStatistics(metrics, results, inputs, options);
        var sums = new double[ObjectiveMetrics.Length];
        backend.Download<double>(sums, metrics);
        return
        [
            scratch.Read(forward), scratch.Read(entropies), scratch.Read(sequenceLogRatios), scratch.Read(results.LogProbabilities), scratch.Read(results.Entropies), scratch.Read(results.Losses),
            scratch.Read(results.Ratios), scratch.Read(dHidden), scratch.Read(dWeight), System.Runtime.InteropServices.MemoryMarshal.Cast<double, float>(sums).ToArray(),
        ];
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
