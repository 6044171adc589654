using Sophia.Native.Conformance;
using Sophia.Native.Cuda.Tests.Conformance;
using Sophia.Native.Objectives;

namespace Sophia.Native.Cuda.Tests.Operations;

/// <summary>What the shapes of the conformance table do not reach in the head: chunks and the gradient of the weight, rows that nobody asked for, and data that only the device sees.</summary>
public abstract class HeadTests(CudaFamily family)
{
    private const int Rows = 70;
    private const int Channels = 24;
    private const int Vocabulary = 68;

    /// <summary>In fp32 a chain of products runs over the rows one by one, in bfloat16 in steps of 16.</summary>
    [Theory]
    [InlineData(ElementType.Float32, new[] { 1, 7, 33 })]
    [InlineData(ElementType.BFloat16, new[] { 16, 33, 50 })]
    public void Chunks_give_the_gradients_of_one_chunk_bit_by_bit(ElementType storage, int[] chunks)
    {
        Needs("HeadObjective");
        var expected = Gradients(family.Subject, storage, Rows + 3, untrained: 0.0);
        foreach (var backend in family.Equivalents)
        {
            foreach (var chunk in chunks)
            {
                var found = Gradients(backend, storage, chunk, untrained: 0.0);
                for (var i = 0; i < expected.Length; i++)
                    Bits.Equal(expected[i], found[i], $"result {i} with chunks of {chunk} on {backend.Description}");
            }
        }
    }

    /// <summary>Hidden states without a target are not even read: not a number in them reaches nothing. With a multiple of 16 rows in a chunk or not, before and behind the trained ones.</summary>
    [Theory]
    [InlineData(ElementType.Float32, 9)]
    [InlineData(ElementType.BFloat16, 16)]
    [InlineData(ElementType.BFloat16, 100)]
    public void Rows_without_a_target_reach_no_gradient(ElementType storage, int chunk)
    {
        Needs("HeadObjective");
        foreach (var backend in family.Equivalents)
        {
            var (expected, found) = (Gradients(backend, storage, chunk, untrained: 0.25), Gradients(backend, storage, chunk, untrained: double.NaN));
            for (var i = 0; i < expected.Length; i++)
                Bits.Equal(expected[i], found[i], $"result {i} with chunks of {chunk} on {backend.Description}");
        }
    }

    /// <summary>They read all rows of a chunk, also those that hold nothing of this call. Both round the same gradients of the logits; their sums differ by roundings, in bfloat16 also those of the result.</summary>
    [Theory]
    [InlineData(ElementType.Float32, 1e-5f)]
    [InlineData(ElementType.BFloat16, 0.02f)]
    public void The_products_of_the_library_give_the_same_gradients(ElementType storage, float tolerance)
    {
        Needs("HeadObjective");
        var own = (CudaBackend)family.Subject;
        using var fast = CudaBackend.Open(new() { Device = own.Device.Number, CompilesAhead = false, Numerics = Numerics.Fast });
        var (expected, found) = (Gradients(own, storage, 16, untrained: 0.25), Gradients(fast, storage, 16, untrained: double.NaN));
        for (var i = 0; i < expected.Length; i++)
        {
            for (var j = 0; j < expected[i].Length; j++)
                Assert.True(Math.Abs(expected[i][j] - found[i][j]) <= tolerance * (1f + Math.Abs(expected[i][j])), $"seed {ConformanceSeed.Value}, result {i}[{j}]: {expected[i][j]:R} and {found[i][j]:R}");
        }
    }

    [Theory]
    [InlineData(2, Vocabulary)]
    [InlineData(0, -2)]
    public void A_bad_target_is_reported_and_its_row_is_one_without_a_target(int place, int target)
    {
        Needs("HeadForward", "HeadObjective");
        const int rows = 5;
        var random = ConformanceSeed.For($"bad target {place}");
        var (hiddenValues, weightValues) = (random.Uniform(rows * Channels), random.Uniform(Vocabulary * Channels));
        int[] targets = [3, 67, 0, -1, 8];
        foreach (var backend in family.Equivalents)
        {
            float[] Score(int bad)
            {
                using var scratch = new DeviceScratch(backend);
                var ids = targets.ToArray();
                ids[place] = bad;
                void IsReported()
                {
                    if (bad != -1)
                        Assert.StartsWith("Head: expected targets", Assert.Throws<ArgumentException>(backend.Synchronize).Message, StringComparison.Ordinal);
                }
                var (hidden, weight, indices) = (scratch.Matrix(rows, Channels, hiddenValues), scratch.Matrix(Vocabulary, Channels, weightValues), scratch.Indices(ids));
                var (logProbabilities, entropies) = (scratch.Empty(1, rows), scratch.Empty(1, rows));
                backend.HeadForward(logProbabilities, entropies, hidden, weight, indices, scratch.Empty(2, Vocabulary));
                IsReported();
                var (dHidden, dWeight) = (scratch.Empty(rows, Channels), scratch.Matrix(Vocabulary, Channels, new double[Vocabulary * Channels]));
                var results = new ObjectiveResults { LogProbabilities = scratch.Empty(1, rows), Entropies = scratch.Empty(1, rows), Losses = scratch.Empty(1, rows), Ratios = scratch.Empty(1, rows) };
                var inputs = new ObjectiveInputs { Targets = indices, Weights = scratch.Vector([1.0, 2.0, 3.0, 4.0, 5.0]), Normalizers = scratch.Vector([1.0, 1.0, 1.0, 1.0, 1.0]) };
                backend.HeadObjective(dHidden, dWeight, results, hidden, weight, inputs, scratch.Empty(2, Vocabulary), new ObjectiveOptions());
                IsReported();
                var losses = scratch.Read(results.Losses);
                Assert.Equal(0f, losses[place]);
                return [.. scratch.Read(logProbabilities), .. scratch.Read(entropies), .. scratch.Read(dHidden), .. scratch.Read(dWeight), .. losses];
            }
            Bits.Equal(Score(-1), Score(target), $"results beside a bad target on {backend.Description}");
        }
    }

    [Theory]
    [InlineData(new[] { 0, 3, 2, 5 })]
    [InlineData(new[] { 0, 3, 9, 9 })]
    [InlineData(new[] { -1, 3, 4, 5 })]
    public void Bad_offsets_are_reported_and_do_no_harm(int[] offsets)
    {
        Needs("SequenceLogRatios");
        const int rows = 5;
        foreach (var backend in family.Equivalents)
        {
            using var scratch = new DeviceScratch(backend);
            var ones = scratch.Vector([1.0, 1.0, 1.0, 1.0, 1.0]);
            var ratios = scratch.Empty(1, rows);
            backend.SequenceLogRatios(ratios, scratch.Vector([-1.0, -2.0, -3.0, -4.0, -5.0]), scratch.Vector([-1.0, -1.0, -1.0, -1.0, -1.0]), ones, scratch.Indices(offsets));
            Assert.StartsWith("SequenceLogRatios: expected sequences", Assert.Throws<ArgumentException>(backend.Synchronize).Message, StringComparison.Ordinal);
            Assert.All(scratch.Read(ratios), ratio => Assert.True(ratio <= 0f));
        }
    }

    /// <summary>Gradients and per-token results with every third row without a target (its hidden states hold <paramref name="untrained"/>) and some with a normalizer of 0.</summary>
    private static float[][] Gradients(Backend backend, ElementType storage, int chunk, double untrained)
    {
        var random = ConformanceSeed.For($"head {storage}");
        var (hidden, targets, normalizers) = (random.Uniform(Rows * Channels), random.Integers(Rows, 0, Vocabulary), random.Uniform(Rows, 0.2, 1.0));
        for (var n = 0; n < Rows; n++)
        {
            if (n % 3 == 1)
            {
                targets[n] = -1;
                hidden.AsSpan(n * Channels, Channels).Fill(untrained);
            }
            if (n % 7 == 2)
                normalizers[n] = 0.0;
        }
        using var scratch = new DeviceScratch(backend);
        var (dHidden, dWeight) = (scratch.Empty(Rows, Channels, storage), scratch.Matrix(Vocabulary, Channels, random.Uniform(Vocabulary * Channels)));
        var results = new ObjectiveResults { LogProbabilities = scratch.Empty(1, Rows), Entropies = scratch.Empty(1, Rows), Losses = scratch.Empty(1, Rows), Ratios = scratch.Empty(1, Rows) };
        var inputs = new ObjectiveInputs { Targets = scratch.Indices(targets), Weights = scratch.Vector(random.Uniform(Rows, -1.0, 2.0)), Normalizers = scratch.Vector(normalizers) };
        backend.HeadObjective(dHidden, dWeight, results, scratch.Matrix(Rows, Channels, hidden, storage), scratch.Matrix(Vocabulary, Channels, random.Uniform(Vocabulary * Channels), storage), inputs,
            scratch.Empty(chunk, Vocabulary), new ObjectiveOptions { Temperature = 0.8f });
        var single = scratch.Empty(Rows, Channels);
        backend.Copy(single, dHidden);
        return [scratch.Read(dWeight), scratch.Read(single), scratch.Read(results.LogProbabilities), scratch.Read(results.Entropies), scratch.Read(results.Losses), scratch.Read(results.Ratios)];
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

public sealed class HeadTests_Fast(CudaFastFamily family) : HeadTests(family), IClassFixture<CudaFastFamily>;

public sealed class HeadTests_Checked(CudaCheckedFamily family) : HeadTests(family), IClassFixture<CudaCheckedFamily>;
