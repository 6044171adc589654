using Sophia.Native.Models.Generation;
using Sophia.Native.Tests.Cpu;
using Sophia.Native.Tests.Training;

namespace Sophia.Native.Tests.Generation;

/// <summary>The log-probabilities recorded while sampling against those of scoring, and the drawn tokens against the circumstances of their drawing.</summary>
public sealed class GenerationScoreTests
{
    public static TheoryData<string, float, ElementType> PathsAndTemperatures
    {
        get
        {
            var data = new TheoryData<string, float, ElementType>();
            foreach (var path in CpuPaths.Supported)
            {
                foreach (var temperature in (float[])[0, 0.6f, 1, 1.7f])
                    data.Add(path.ToString(), temperature, ElementType.Float32);
                data.Add(path.ToString(), 0.8f, ElementType.BFloat16);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(PathsAndTemperatures))]
    public void Recorded_log_probabilities_are_bitwise_those_of_scoring_and_tokens_depend_on_prompt_and_sample_alone(string path, float temperature, ElementType storage)
    {
        var requests = GenerationFixture.Requests(seed: 3, count: 17);
        var options = new GenerationOptions { MaximumNewTokens = 21, StopIds = [5, 11], Sampling = new() { Temperature = temperature, Seed = 9 } };
        using var one = new TinyModel([], path, threads: 1, storage: storage);
        using var two = new TinyModel([], path, threads: 2, storage: storage);
        var expected = GenerationFixture.Generate(one, requests, options);
        GeneratorPlan[] plans =
        [
            Plan(slots: 1, prefillTokens: 27, prefillTiles: 2), Plan(slots: 2, prefillTokens: 30, prefillTiles: 4), Plan(slots: 5, prefillTokens: 64, prefillTiles: 2),
            Plan(slots: 17, prefillTokens: 500, prefillTiles: 40), Plan(slots: 64, prefillTokens: 100, prefillTiles: 3),
        ];
        for (var i = 0; i < plans.Length; i++)
            Same(expected, GenerationFixture.Generate(i % 2 == 0 ? two : one, requests, options, plans[i]), plans[i].ToString());
        var reversed = GenerationFixture.Generate(two, [.. requests.Reverse()], options, plans[2]);
        Array.Reverse(reversed);
        Same(expected, reversed, "in reverse order");

        foreach (var (tiny, budget) in ((TinyModel, int)[])[(one, 48), (two, 160), (two, 1000)])
        {
            var scores = GenerationFixture.Score(tiny, requests, expected, temperature == 0 ? 1 : temperature, budget);
            for (var i = 0; i < requests.Length; i++)
                CpuFixture.SameBits(scores[i], expected[i].LogProbabilities, $"{requests[i].Id}, budget {budget}");
        }
    }

    [Theory]
    [InlineData(3, 1f, 0f)]
    [InlineData(0, 0.7f, 0f)]
    [InlineData(0, 1f, 0.2f)]
    [InlineData(10, 0.8f, 0.05f)]
    public void Truncated_sampling_records_the_log_probabilities_of_the_whole_distribution(int topK, float topP, float minP)
    {
        var requests = GenerationFixture.Requests(seed: 4, count: 6);
        var options = new GenerationOptions { MaximumNewTokens = 12, Sampling = new() { Temperature = 1.3f, TopK = topK, TopP = topP, MinP = minP, Seed = 2 } };
        using var tiny = new TinyModel([], threads: 2);
        var results = GenerationFixture.Generate(tiny, requests, options);
        Same(results, GenerationFixture.Generate(tiny, requests, options, Plan(2, 27, 2)), "two slots");
        var scores = GenerationFixture.Score(tiny, requests, results, 1.3f, 300);
        for (var i = 0; i < requests.Length; i++)
            CpuFixture.SameBits(scores[i], results[i].LogProbabilities, requests[i].Id);
    }

    [Fact]
    public void An_image_token_that_is_drawn_is_a_token_like_others_here_and_in_training()
    {
        using var tiny = new TinyModel([]);
        var head = tiny.Parameters["decoder.head.weight"].Value;
        var row = tiny.Download(head.RowRange(TinyModel.ImageToken, 1));
        tiny.Backend.Upload<float>(head.RowRange(TinyModel.ImageToken, 1), Array.ConvertAll(row, weight => 4 * weight));
        var requests = GenerationFixture.Requests(seed: 5, count: 9);
        var results = GenerationFixture.Generate(tiny, requests, new() { MaximumNewTokens = 15 });
        Assert.True(results.Sum(result => result.OutputIds.Count(id => id == TinyModel.ImageToken)) > 5);
        var scores = GenerationFixture.Score(tiny, requests, results, 1, 300);
        for (var i = 0; i < requests.Length; i++)
            CpuFixture.SameBits(scores[i], results[i].LogProbabilities, requests[i].Id);
    }

    [Fact]
    public void Sample_numbers_and_seeds_draw_other_tokens_and_greedy_ignores_them()
    {
        using var tiny = new TinyModel([]);
        GenerationRequest[] requests = [GenerationFixture.Text(5, 0), GenerationFixture.Text(5, 1), GenerationFixture.Text(5, 0)];
        var sampled = GenerationFixture.Generate(tiny, requests, new() { MaximumNewTokens = 20 });
        Assert.Equal(sampled[0].OutputIds, sampled[2].OutputIds);
        Assert.NotEqual(sampled[0].OutputIds, sampled[1].OutputIds);
        Assert.NotEqual(sampled[0].OutputIds, GenerationFixture.Generate(tiny, requests, new() { MaximumNewTokens = 20, Sampling = new() { Seed = 1 } })[0].OutputIds);
        var greedy = GenerationFixture.Generate(tiny, requests, new() { MaximumNewTokens = 20, Sampling = new() { Temperature = 0 } });
        Assert.Equal(greedy[0].OutputIds, greedy[1].OutputIds);
        Assert.Equal(greedy[0].LogProbabilities, greedy[1].LogProbabilities);
    }

    private static GeneratorPlan Plan(int slots, int prefillTokens, int prefillTiles) => new() { Slots = slots, Capacity = 48, PrefillTokens = prefillTokens, PrefillTiles = prefillTiles };

    private static void Same(GenerationResult[] expected, GenerationResult[] found, string what)
    {
        Assert.Equal(expected.Length, found.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i].OutputIds, found[i].OutputIds);
            Assert.Equal(expected[i].FinishReason, found[i].FinishReason);
            CpuFixture.SameBits(expected[i].LogProbabilities, found[i].LogProbabilities, $"{what}, request {i}");
        }
    }
}
