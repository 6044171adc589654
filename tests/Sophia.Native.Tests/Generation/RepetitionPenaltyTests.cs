using Sophia.Native.Models;
using Sophia.Native.Models.Generation;
using Sophia.Native.Tests.Training;

namespace Sophia.Native.Tests.Generation;

/// <summary>The penalty by transformers' rule, against logits of whole sequences that are computed anew for every token.</summary>
public sealed class RepetitionPenaltyTests : IDisposable
{
    private readonly TinyModel _tiny = new([]);

    public void Dispose() => _tiny.Dispose();

    [Theory]
    [InlineData(1.3f)]
    [InlineData(8f)]
    [InlineData(0.7f)]
    public void Greedy_tokens_are_the_best_of_the_penalized_logits(float penalty)
    {
        var requests = GenerationFixture.Requests(seed: 11, count: 6);
        var results = GenerationFixture.Generate(_tiny, requests, new() { Sampling = new() { Temperature = 0 }, MaximumNewTokens = 10, RepetitionPenalty = penalty });
        var plain = GenerationFixture.Generate(_tiny, requests, new() { Sampling = new() { Temperature = 0 }, MaximumNewTokens = 10 });
        var changed = 0;
        for (var i = 0; i < requests.Length; i++)
        {
            List<int> ids = [.. requests[i].PromptIds];
            foreach (var drawn in results[i].OutputIds)
            {
                var logits = LastLogits(requests[i], ids);
                foreach (var id in ids.Distinct())
                    logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
                Assert.Equal(Array.IndexOf(logits, logits.Max()), drawn);
                ids.Add(drawn);
            }
            changed += results[i].OutputIds.SequenceEqual(plain[i].OutputIds) ? 0 : 1;
        }
        Assert.True(changed > 0, "the penalty changed nothing");
    }

    [Theory]
    [InlineData(0f, 1f)]
    [InlineData(0.8f, 0.8f)]
    public void The_recorded_log_probabilities_are_bitwise_those_of_the_policy(float temperature, float scoredAt)
    {
        var requests = GenerationFixture.Requests(seed: 12, count: 7);
        GenerationOptions options = new() { Sampling = new() { Temperature = temperature, MinP = 0.01f, Seed = 3 }, MaximumNewTokens = 9, RepetitionPenalty = 1.7f };
        var results = GenerationFixture.Generate(_tiny, requests, options);
        var scores = GenerationFixture.Score(_tiny, requests, results, scoredAt, 256);
        for (var i = 0; i < requests.Length; i++)
            Assert.Equal(scores[i], results[i].LogProbabilities);
        Assert.Equal(temperature > 0, options.IsTruncated);
    }

    [Fact]
    public void A_sequence_does_not_see_what_occurred_in_its_neighbors()
    {
        var requests = GenerationFixture.Requests(seed: 13, count: 8);
        GenerationOptions options = new() { Sampling = new() { Temperature = 1, TopP = 0.9f, Seed = 5 }, MaximumNewTokens = 12, RepetitionPenalty = 2f, StopIds = [1, 2, 3] };
        var together = GenerationFixture.Generate(_tiny, requests, options);
        for (var i = 0; i < requests.Length; i++)
        {
            var alone = GenerationFixture.Generate(_tiny, [requests[i]], options)[0];
            Assert.Equal(alone.OutputIds, together[i].OutputIds);
            Assert.Equal(alone.LogProbabilities, together[i].LogProbabilities);
        }
        var few = GenerationFixture.Generate(_tiny, requests, options, new() { Slots = 2, Capacity = 48, PrefillTokens = 64, PrefillTiles = 4 });
        Assert.Equal(together.SelectMany(result => result.OutputIds), few.SelectMany(result => result.OutputIds));
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(-1f)]
    [InlineData(float.NaN)]
    public void A_penalty_must_be_above_zero(float penalty) =>
        Assert.Contains("repetition penalty above 0", Assert.Throws<ArgumentException>(() => GenerationFixture.Generate(_tiny, [GenerationFixture.Text(3)], new() { RepetitionPenalty = penalty })).Message);

    private float[] LastLogits(GenerationRequest request, List<int> ids)
    {
        var vocabulary = TinyModel.Vocabulary;
        using var workspace = ModelWorkspace.Allocate(_tiny.Backend, TinyModel.Config, new() { MaximumTokens = ids.Count, MaximumSequences = 1, MaximumTiles = 2, HeadChunk = 1 });
        var mask = new bool[ids.Count];
        mask.AsSpan(request.PromptIds.Length).Fill(true);
        workspace.Batch.Pack([new() { Id = "prefix", InputIds = [.. ids], PixelValues = request.PixelValues, TileCount = request.TileCount, LossMask = mask }], TinyModel.ImageToken);
        _tiny.Model.Forward(workspace);
        using var buffer = _tiny.Backend.Allocate(vocabulary * sizeof(float));
        var view = buffer.AsView().Reshape(1, vocabulary);
        _tiny.Backend.LinearForward(view, workspace.Decoder.FinalNorm.RowRange(ids.Count - 1, 1), _tiny.Model.Decoder.Head.Value);
        var logits = new float[vocabulary];
        _tiny.Backend.Download<float>(logits, view);
        return logits;
    }
}
