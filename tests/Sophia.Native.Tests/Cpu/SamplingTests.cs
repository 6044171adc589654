using System.Runtime.Intrinsics;
using Sophia.Native.Cpu;

namespace Sophia.Native.Tests.Cpu;

/// <summary>Sampling: which tokens may be drawn and how often; the draws themselves are compared with the reference by the conformance table.</summary>
public sealed class SamplingTests
{
    public static TheoryData<string> Paths => CpuFixture.Paths;

    [Theory]
    [MemberData(nameof(Paths))]
    public void Tokens_are_drawn_as_often_as_they_are_probable(string path)
    {
        using var backend = CpuFixture.Open(path);
        const int Draws = 20000;
        double[] probabilities = [0.5, 0.2, 0.15, 0.1, 0.04, 0.01];
        var logits = new float[Draws * probabilities.Length];
        for (var i = 0; i < logits.Length; i++)
            logits[i] = (float)Math.Log(probabilities[i % probabilities.Length]);
        var counts = new int[probabilities.Length];
        foreach (var token in Sample(backend, Draws, logits, new SamplingOptions { Seed = 99 }).Tokens)
            counts[token]++;
        for (var token = 0; token < counts.Length; token++)
        {
            var expected = Draws * probabilities[token];
            // Five standard errors of a binomial count.
            Assert.InRange(counts[token], expected - 5 * Math.Sqrt(expected), expected + 5 * Math.Sqrt(expected));
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Only_candidates_are_drawn_and_a_candidate_is_drawn_as_if_nothing_were_truncated(string path)
    {
        using var backend = CpuFixture.Open(path);
        var random = new Random(1);
        foreach (var vocabulary in (int[])[1, 2, 17, 100, 1000])
        foreach (var (topK, topP, minP) in ((int, float, float)[])[(3, 1f, 0f), (0, 0.6f, 0f), (0, 1f, 0.2f), (40, 0.9f, 0.01f), (0, 0.999f, 0f), (1000, 0.5f, 0f)])
        {
            const int Rows = 40;
            var row = CpuFixture.Normal(random, vocabulary, 2);
            var logits = new float[Rows * vocabulary];
            for (var i = 0; i < logits.Length; i++)
                logits[i] = row[i % vocabulary];
            var options = new SamplingOptions { TopK = topK, TopP = topP, MinP = minP, Seed = (ulong)vocabulary };
            var candidates = Reference.ReferenceOperations.SamplingCandidates(CpuFixture.Doubles(row), new(1, topK, topP, minP, 0), out _);
            var open = Sample(backend, Rows, logits, options with { TopK = 0, TopP = 1f, MinP = 0f });
            var truncated = Sample(backend, Rows, logits, options);
            for (var draw = 0; draw < Rows; draw++)
            {
                Assert.True(candidates[truncated.Tokens[draw]], $"{options}: token {truncated.Tokens[draw]} of {vocabulary} is no candidate");
                if (candidates[open.Tokens[draw]])
                    Assert.Equal(open.Tokens[draw], truncated.Tokens[draw]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Greedy_takes_the_lowest_of_equal_logits(string path)
    {
        using var backend = CpuFixture.Open(path);
        var logits = new float[3 * 50];
        logits[17] = logits[33] = 4f;
        logits[50 + 49] = 4f;
        var (tokens, logProbabilities) = Sample(backend, 3, logits, new SamplingOptions { Temperature = 0 });
        Assert.Equal([17, 49, 0], tokens);
        Assert.Equal(-Math.Log(50), logProbabilities[2], 5);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Equal_logits_rank_by_rising_id(string path)
    {
        using var backend = CpuFixture.Open(path);
        const int Rows = 200;
        var drawn = new HashSet<int>(Sample(backend, Rows, new float[Rows * 90], new SamplingOptions { TopK = 3, Seed = 1 }).Tokens);
        Assert.Equal([0, 1, 2], drawn.Order());
        drawn = [.. Sample(backend, Rows, new float[Rows * 90], new SamplingOptions { TopP = 4.5f / 90, Seed = 1 }).Tokens];
        Assert.Equal([0, 1, 2, 3, 4], drawn.Order());
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void A_logit_of_minus_infinity_is_never_drawn(string path)
    {
        using var backend = CpuFixture.Open(path);
        const int Rows = 100;
        var logits = new float[Rows * 37];
        Array.Fill(logits, float.NegativeInfinity);
        for (var row = 0; row < Rows; row++)
            logits[row * 37 + 5] = logits[row * 37 + 36] = -3f;
        foreach (var options in (SamplingOptions[])[new(), new() { TopK = 30 }, new() { TopP = 0.99f }, new() { MinP = 0.5f }, new() { Temperature = 0 }])
        {
            var (tokens, logProbabilities) = Sample(backend, Rows, logits, options);
            Assert.All(tokens, token => Assert.True(token is 5 or 36));
            Assert.All(logProbabilities, value => Assert.Equal(-Math.Log(2), value, 6));
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void A_row_of_NaN_says_so_in_its_log_probability(string path)
    {
        using var backend = CpuFixture.Open(path);
        var logits = new float[2 * 20];
        logits[13] = float.NaN;
        foreach (var options in (SamplingOptions[])[new(), new() { TopK = 3 }, new() { TopP = 0.5f }, new() { Temperature = 0 }])
        {
            var (tokens, logProbabilities) = Sample(backend, 2, logits, options);
            Assert.InRange(tokens[0], 0, 19);
            Assert.True(float.IsNaN(logProbabilities[0]));
            Assert.Equal(-Math.Log(20), logProbabilities[1], 5);
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void A_draw_allocates_nothing(string path)
    {
        using var backend = CpuFixture.Open(path, 1);
        var logits = CpuFixture.Floats(backend, 4, 300, CpuFixture.Normal(new Random(2), 4 * 300));
        var tokens = CpuFixture.Integers(backend, new int[4]);
        var logProbabilities = CpuFixture.Floats(backend, 1, 4);
        foreach (var options in (SamplingOptions[])[new(), new() { Temperature = 0 }, new() { TopK = 20 }, new() { TopP = 0.9f }, new() { TopK = 50, TopP = 0.9f, MinP = 0.1f }])
            Assert.Equal(0, CpuFixture.AllocatedBytes(() => backend.SampleTokens(tokens, logProbabilities, logits, tokens, tokens, options)));
    }

    [Fact]
    public unsafe void A_token_offered_alone_gets_the_score_it_gets_in_the_row()
    {
        var logits = CpuFixture.Normal(new Random(3), 203);
        fixed (float* row = logits)
        {
            for (var sample = 0; sample < 50; sample++)
            {
                GumbelMaximum<Simd256, Vector256<float>> all = new(sample, 7, 11);
                all.OfferAll(row, logits.Length, 0f, 0f);
                GumbelMaximum<Simd256, Vector256<float>> single = new(sample, 7, 11);
                for (var token = logits.Length - 1; token >= 0; token--)
                    single.Offer(token, row[token]);
                Assert.Equal(all.Token, single.Token);
            }
        }
    }

    private static (int[] Tokens, float[] LogProbabilities) Sample(Backend backend, int rows, float[] logits, SamplingOptions options)
    {
        var numbers = new int[rows];
        for (var row = 0; row < rows; row++)
            numbers[row] = row;
        var tokens = CpuFixture.Integers(backend, new int[rows]);
        var logProbabilities = CpuFixture.Floats(backend, 1, rows, float.NaN);
        backend.SampleTokens(tokens, logProbabilities, CpuFixture.Floats(backend, rows, logits.Length / rows, logits), CpuFixture.Integers(backend, numbers), CpuFixture.Integers(backend, numbers), options);
        var found = new int[rows];
        backend.Download<int>(found, tokens);
        return (found, CpuFixture.Floats(backend, logProbabilities));
    }
}
