using Xunit;

namespace Sophia.Native.Conformance;

public abstract partial class OperationConformance
{
    [Theory]
    [StorageData(0f)]
    [StorageData(1f)]
    [StorageData(0.7f)]
    public void A_sampled_log_probability_has_the_bits_of_the_heads(float temperature, ElementType storage)
    {
        Needs(nameof(Backend.SampleTokens));
        const int rows = 19, channels = 48, vocabulary = 331;
        var random = ConformanceSeed.For($"sampled log-probabilities {temperature}");
        foreach (var backend in Equivalents)
        {
            using var scratch = new DeviceScratch(backend);
            var (hidden, weight) = (scratch.Matrix(rows, channels, random.Uniform(rows * channels), storage), scratch.Matrix(vocabulary, channels, random.Uniform(vocabulary * channels), storage));
            var (logits, tokens, sampled) = (scratch.Empty(rows, vocabulary), scratch.Empty(1, rows, ElementType.Int32), scratch.Empty(1, rows));
            var (scored, workspace) = (scratch.Empty(1, rows), scratch.Empty(4, vocabulary));
            backend.LinearForward(logits, hidden, weight);
            Sample(backend, tokens, sampled, logits, scratch.Indices(random.Permutation(rows)), scratch.Indices(random.Permutation(rows)), new SamplingOptions { Temperature = temperature, TopK = 7, Seed = 11 });
            backend.HeadForward(scored, default, hidden, weight, tokens, workspace, temperature == 0f ? 1f : temperature);
            Bits.Equal(scratch.Read(scored), scratch.Read(sampled), $"log-probabilities of sampled tokens on {backend.Description}");
        }
    }

    [Fact]
    public void Equal_greedy_scores_go_to_the_lowest_id()
    {
        Needs(nameof(Backend.SampleTokens));
        const int rows = 40, vocabulary = 77;
        var random = ConformanceSeed.For("greedy ties");
        using var scratch = new DeviceScratch(Subject);
        var values = random.Uniform(rows * vocabulary);
        var lowest = new int[rows];
        for (var n = 0; n < rows; n++)
        {
            var places = random.Permutation(vocabulary)[..3];
            lowest[n] = places.Min();
            foreach (var place in places)
                values[n * vocabulary + place] = 2.0;
        }
        var tokens = scratch.Empty(1, rows, ElementType.Int32);
        Sample(Subject, tokens, scratch.Empty(1, rows), scratch.Matrix(rows, vocabulary, values), scratch.Indices(new int[rows]), scratch.Indices(new int[rows]), new SamplingOptions { Temperature = 0f });
        Assert.Equal(lowest, scratch.ReadIndices(tokens));
    }

    [Fact]
    public void Top_k_keeps_the_lowest_ids_among_equal_logits()
    {
        Needs(nameof(Backend.SampleTokens));
        const int rows = 500, vocabulary = 33, kept = 4;
        using var scratch = new DeviceScratch(Subject);
        var numbers = new int[rows];
        for (var n = 0; n < rows; n++)
            numbers[n] = n;
        var tokens = scratch.Empty(1, rows, ElementType.Int32);
        Sample(Subject, tokens, scratch.Empty(1, rows), scratch.Matrix(rows, vocabulary, new double[rows * vocabulary]), scratch.Indices(numbers), scratch.Indices(numbers), new SamplingOptions { TopK = kept, Seed = 5 });
        var found = scratch.ReadIndices(tokens).Distinct().Order().ToArray();
        Assert.Equal([0, 1, 2, 3], found);
    }

    [Fact]
    public void Top_p_keeps_just_the_mass_that_it_names_of_equal_logits()
    {
        Needs(nameof(Backend.SampleTokens));
        const int rows = 500, vocabulary = 16;
        using var scratch = new DeviceScratch(Subject);
        var numbers = new int[rows];
        for (var n = 0; n < rows; n++)
            numbers[n] = n;
        var tokens = scratch.Empty(1, rows, ElementType.Int32);
        Sample(Subject, tokens, scratch.Empty(1, rows), scratch.Matrix(rows, vocabulary, new double[rows * vocabulary]), scratch.Indices(numbers), scratch.Indices(numbers), new SamplingOptions { TopP = 0.25f, Seed = 5 });
        var found = scratch.ReadIndices(tokens).Distinct().Order().ToArray();
        Assert.Equal([0, 1, 2, 3], found);
    }

    [Fact]
    public void Tokens_are_drawn_as_often_as_they_are_probable()
    {
        Needs(nameof(Backend.SampleTokens));
        const int rows = 20000, vocabulary = 7;
        var random = ConformanceSeed.For("frequencies");
        using var scratch = new DeviceScratch(Subject);
        var logits = random.Uniform(vocabulary, -1.5, 1.5);
        var values = new double[rows * vocabulary];
        var (samples, positions) = (new int[rows], new int[rows]);
        for (var n = 0; n < rows; n++)
        {
            logits.CopyTo(values, n * vocabulary);
            (samples[n], positions[n]) = (n % 100, n / 100);
        }
        var tokens = scratch.Empty(1, rows, ElementType.Int32);
        Sample(Subject, tokens, scratch.Empty(1, rows), scratch.Matrix(rows, vocabulary, values), scratch.Indices(samples), scratch.Indices(positions), new SamplingOptions { Seed = (ulong)ConformanceSeed.Value });
        var counts = new int[vocabulary];
        foreach (var token in scratch.ReadIndices(tokens))
            counts[token]++;
        var sum = logits.Sum(Math.Exp);
        var chiSquare = 0.0;
        for (var v = 0; v < vocabulary; v++)
        {
            var expected = rows * Math.Exp(logits[v]) / sum;
            chiSquare += (counts[v] - expected) * (counts[v] - expected) / expected;
        }
        // With six degrees of freedom a value above 52 comes once in five hundred million runs.
        Assert.True(chiSquare < 52.0, $"seed {ConformanceSeed.Value}: chi-square {chiSquare} of the counts {string.Join(", ", counts)}");
    }

    private void Sample(Backend backend, DeviceView tokens, DeviceView logProbabilities, DeviceView logits, DeviceView samples, DeviceView positions, SamplingOptions options) =>
        Run(() => backend.SampleTokens(tokens, logProbabilities, logits, samples, positions, options));
}
