using Sophia.Native.Models.Generation;
using Sophia.Native.Tests.Cpu;
using Sophia.Native.Tests.Training;

namespace Sophia.Native.Tests.Generation;

public sealed class GeneratorTests : IDisposable
{
    private readonly TinyModel _tiny = new([]);

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void A_stop_token_ends_a_continuation_and_is_part_of_it()
    {
        var requests = GenerationFixture.Requests(seed: 5, count: 9);
        var whole = GenerationFixture.Generate(_tiny, requests, new() { MaximumNewTokens = 16 });
        Assert.All(whole, result => Assert.Equal((FinishReason.Length, 16), (result.FinishReason, result.OutputIds.Length)));
        int[] stops = [whole[0].OutputIds[4], whole[1].OutputIds[0], whole[2].OutputIds[9]];
        var stopped = GenerationFixture.Generate(_tiny, requests, new() { MaximumNewTokens = 16, StopIds = stops });
        for (var i = 0; i < requests.Length; i++)
        {
            var end = Array.FindIndex(whole[i].OutputIds, id => stops.Contains(id));
            var length = end < 0 ? 16 : end + 1;
            Assert.Equal(whole[i].OutputIds[..length], stopped[i].OutputIds);
            Assert.Equal(whole[i].LogProbabilities[..length], stopped[i].LogProbabilities);
            Assert.Equal(end < 0 ? FinishReason.Length : FinishReason.Stop, stopped[i].FinishReason);
        }
        Assert.Contains(stopped, result => result.FinishReason == FinishReason.Stop && result.OutputIds.Length > 1);
        Assert.Single(stopped[1].OutputIds);
    }

    [Theory]
    [InlineData(60, 100, 4)]
    [InlineData(63, 100, 1)]
    [InlineData(10, 3, 3)]
    [InlineData(10, 1, 1)]
    [InlineData(1, 1000, 63)]
    public void A_continuation_ends_at_its_limit_or_at_the_models_last_position(int promptLength, int maximumNewTokens, int expected)
    {
        var result = GenerationFixture.Generate(_tiny, [GenerationFixture.Text(promptLength)], new() { MaximumNewTokens = maximumNewTokens })[0];
        Assert.Equal((FinishReason.Length, expected, expected), (result.FinishReason, result.OutputIds.Length, result.LogProbabilities.Length));
    }

    [Fact]
    public void Every_drawn_token_is_streamed_once_in_the_order_of_drawing()
    {
        var requests = GenerationFixture.Requests(seed: 6, count: 8);
        var options = new GenerationOptions { MaximumNewTokens = 10, StopIds = [1, 2, 3, 4, 5] };
        using var generator = new Generator(_tiny.Model, new() { Slots = 3, Capacity = 40, PrefillTokens = 60, PrefillTiles = 4 });
        var streamed = requests.Select(_ => new List<(int Token, float LogProbability)>()).ToArray();
        var order = new List<int>();
        generator.TokenDrawn = (request, token, logProbability) =>
        {
            streamed[request].Add((token, logProbability));
            order.Add(request);
        };
        var results = generator.Generate(requests, options, TestContext.Current.CancellationToken);
        for (var i = 0; i < requests.Length; i++)
        {
            Assert.Equal(results[i].OutputIds, streamed[i].Select(entry => entry.Token));
            Assert.Equal(results[i].LogProbabilities, streamed[i].Select(entry => entry.LogProbability));
        }
        // Requests begin in their order, and no request gets a second token before those that run with it had theirs.
        Assert.Equal(Enumerable.Range(0, requests.Length), order.Distinct());
        for (var i = 1; i < order.Count; i++)
        {
            Assert.False(order[i] == order[i - 1] && RunningBeside(order, i), $"token {i}");
        }
    }

    [Fact]
    public void A_generator_serves_many_calls_also_after_an_interruption()
    {
        var requests = GenerationFixture.Requests(seed: 7, count: 6);
        var options = new GenerationOptions { MaximumNewTokens = 12 };
        using var generator = new Generator(_tiny.Model, new() { Slots = 4, Capacity = 48, PrefillTokens = 64, PrefillTiles = 4 });
        var expected = generator.Generate(requests, options, TestContext.Current.CancellationToken);
        using var interruption = new CancellationTokenSource();
        var drawn = 0;
        generator.TokenDrawn = (_, _, _) => { if (++drawn == 20) interruption.Cancel(); };
        Assert.Throws<OperationCanceledException>(() => generator.Generate(requests, options, interruption.Token));
        generator.TokenDrawn = (_, _, _) => throw new InvalidOperationException("reader gone");
        Assert.Throws<InvalidOperationException>(() => generator.Generate(requests, options, TestContext.Current.CancellationToken));
        generator.TokenDrawn = null;
        var again = generator.Generate(requests, options, TestContext.Current.CancellationToken);
        Assert.Equal(expected.Select(result => result.OutputIds), again.Select(result => result.OutputIds));
        Assert.Equal(expected.Select(result => result.LogProbabilities), again.Select(result => result.LogProbabilities));
        Assert.Empty(generator.Generate([], options, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(TinyModel.Vocabulary)]
    public void A_stop_id_outside_the_vocabulary_is_an_error(int stop) =>
        Assert.Contains($"stop ids in [0, 64), the vocabulary, found {stop}", Assert.Throws<ArgumentException>(() => GenerationFixture.Generate(_tiny, [GenerationFixture.Text(3)], new() { StopIds = [1, stop] })).Message);

    [Fact]
    public void Options_out_of_range_are_errors()
    {
        foreach (var sampling in (SamplingOptions[])[new() { Temperature = -1 }, new() { Temperature = float.NaN }, new() { Temperature = float.PositiveInfinity }, new() { TopK = -1 }, new() { TopP = 0 }, new() { TopP = 1.1f }, new() { MinP = 1 }, new() { MinP = -0.1f }])
            Assert.Contains("Expected temperature >= 0", Assert.Throws<ArgumentException>(() => GenerationFixture.Generate(_tiny, [GenerationFixture.Text(3)], new() { Sampling = sampling, MaximumNewTokens = 2 })).Message);
        Assert.Contains("at least one new token, found 0", Assert.Throws<ArgumentException>(() => GenerationFixture.Generate(_tiny, [], new() { MaximumNewTokens = 0 }, Plan())).Message);
        foreach (var plan in (GeneratorPlan[])[Plan() with { Slots = 0 }, Plan() with { Capacity = 0 }, Plan() with { PrefillTokens = 0 }, Plan() with { PrefillTiles = -1 }])
            Assert.Throws<ArgumentOutOfRangeException>(() => new Generator(_tiny.Model, plan));
    }

    [Fact]
    public void A_prompt_that_does_not_fit_is_an_error_that_names_it()
    {
        var image = GenerationFixture.Requests(seed: 8, count: 20).First(request => request.TileCount == 2);
        Refused(GenerationFixture.Text(0), "'text': expected at least one token");
        Refused(GenerationFixture.Text(64), "'text' has 64 tokens, the model was trained for 64 with the continuation");
        Refused(GenerationFixture.Text(33), "'text' has 33 tokens, the generator was planned for 32");
        Refused(GenerationFixture.Text(30), "'text' has 30 tokens, a slot holds 30 with the continuation");
        Refused(GenerationFixture.Text(3) with { PromptIds = [1, 64] }, "'text': expected token ids in [0, 64), found 64");
        Refused(GenerationFixture.Text(3) with { PromptIds = [-1] }, "found -1");
        Refused(GenerationFixture.Text(3) with { PromptIds = [1, TinyModel.ImageToken] }, "'text': 0 tiles need 0 image tokens, found 1");
        Refused(image with { PromptIds = image.PromptIds[1..] }, "2 tiles need 8 image tokens, found 7");
        Refused(image, "has 2 tiles, the generator was planned for 1");
        Refused(image with { TileCount = -1 }, "-1 tiles need -4 image tokens");
        Refused(image with { PixelValues = image.PixelValues![1..] }, "pixel values, found 383", Plan() with { PrefillTiles = 2 });
        Refused(image with { PixelValues = null }, "pixel values, found 0", Plan() with { PrefillTiles = 2 });
        Refused(GenerationFixture.Text(3) with { PixelValues = new float[1] }, "expected 0 pixel values, found 1");

        void Refused(GenerationRequest request, string message, GeneratorPlan? plan = null) =>
            Assert.Contains(message, Assert.Throws<InvalidDataException>(() => GenerationFixture.Generate(_tiny, [GenerationFixture.Text(2), request], new() { MaximumNewTokens = 2 }, plan ?? Plan())).Message);
    }

    [Theory]
    [MemberData(nameof(CpuFixture.PathsAndThreads), MemberType = typeof(CpuFixture))]
    public void Decoding_allocates_nothing_for_a_token(string path, int threads)
    {
        using var tiny = new TinyModel([], path, threads);
        foreach (var sampling in (SamplingOptions[])[new(), new() { Temperature = 0 }, new() { TopK = 5, TopP = 0.9f, MinP = 0.01f }])
        {
            var requests = GenerationFixture.Requests(seed: 9, count: 4);
            var allocated = new long[4 * 30];
            var drawn = 0;
            using var generator = new Generator(tiny.Model, GeneratorPlan.For(requests, 30));
            generator.TokenDrawn = (_, _, _) => allocated[drawn++] = GC.GetAllocatedBytesForCurrentThread();
            generator.Generate(requests, new() { MaximumNewTokens = 30, Sampling = sampling }, TestContext.Current.CancellationToken);
            Assert.Equal(allocated.Length, drawn);
            // From the second round of decoding, when every list has its size, to the last.
            Assert.Equal(0, allocated[^1] - allocated[8]);
        }
    }

    private static GeneratorPlan Plan() => new() { Slots = 2, Capacity = 30, PrefillTokens = 32, PrefillTiles = 1 };

    /// <summary>Whether another request that began earlier still gets tokens later.</summary>
    private static bool RunningBeside(List<int> order, int index) =>
        Enumerable.Range(0, order[index]).Any(request => order.IndexOf(request) < index - 1 && order.LastIndexOf(request) > index);
}
