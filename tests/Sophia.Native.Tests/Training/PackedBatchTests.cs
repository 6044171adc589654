using Sophia.Native.Models;

namespace Sophia.Native.Tests.Training;

public sealed class PackedBatchTests : IDisposable
{
    private readonly TinyModel _tiny = new([]);
    private readonly ModelWorkspace _workspace;

    public PackedBatchTests() => _workspace = ModelWorkspace.Allocate(_tiny.Backend, TinyModel.Config, TinyModel.Plan(tokens: 80, sequences: 3, tiles: 3));

    public void Dispose()
    {
        _workspace.Dispose();
        _tiny.Dispose();
    }

    [Fact]
    public void Rows_hold_what_belongs_to_the_token_they_predict()
    {
        Sample[] samples = [TinyModel.Sample(0, 9), TinyModel.Sample(1, 20, 2), TinyModel.Sample(2, 2)];
        _workspace.Batch.Pack(samples, TinyModel.ImageToken);
        var batch = _workspace.Batch;
        Assert.Equal((31, 3, 2, 8, 20), (batch.TokenCount, batch.SequenceCount, batch.TileCount, batch.VisualTokenCount, batch.LongestSequence));
        Assert.Equal([0, 9, 29, 31], batch.Offsets.ToArray());
        var targets = new int[31];
        _tiny.Backend.Download<int>(targets, batch.Targets);
        var (weights, behavior, reference) = (_tiny.Download(batch.Weights), _tiny.Download(batch.BehaviorLogProbabilities), _tiny.Download(batch.ReferenceLogProbabilities));
        for (var s = 0; s < samples.Length; s++)
        {
            for (var t = 0; t < samples[s].Length; t++)
            {
                var row = batch.Offsets[s] + t;
                var last = t + 1 == samples[s].Length;
                Assert.Equal(last ? -1 : samples[s].InputIds[t + 1], targets[row]);
                Assert.Equal(!last && samples[s].LossMask![t + 1], batch.Trained[row] == 1);
                Assert.Equal(last ? 0 : samples[s].TokenWeights![t + 1], weights[row]);
                Assert.Equal(last ? 0 : samples[s].BehaviorLogProbabilities![t + 1], behavior[row]);
                Assert.Equal(last ? 0 : samples[s].ReferenceLogProbabilities![t + 1], reference[row]);
            }
        }
    }

    [Fact]
    public void A_sample_that_does_not_fit_the_model_is_an_error_that_names_it()
    {
        var text = TinyModel.Sample(1, 9);
        var image = TinyModel.Sample(2, 20, 1);
        Refused(text with { InputIds = [] }, "at least one token");
        Refused(TinyModel.Sample(1, 65), "65 tokens, the model was trained for 64");
        Refused(text with { InputIds = [.. text.InputIds[..8], 64] }, "token ids in [0, 64), found 64 at position 8");
        Refused(text with { InputIds = [.. text.InputIds[..8], -1] }, "found -1 at position 8");
        Refused(text with { TokenWeights = new float[8] }, "token_weights must have an entry for each of 9 tokens, found 8");
        Refused(text with { LossMask = new bool[10] }, "loss_mask must have");
        Refused(text with { BehaviorLogProbabilities = [] }, "behavior_logprobs must have");
        Refused(text with { ReferenceLogProbabilities = [] }, "reference_logprobs must have");
        Refused(text with { TileCount = 1 }, "1 tiles need 4 image tokens");
        Refused(image with { TileCount = 0 }, "0 tiles need 0 image tokens");
        Refused(image with { PixelValues = null }, "expected 1 tiles of 192 pixel values, found 0");
        Refused(text with { PixelValues = new float[192] }, "expected 0 tiles");

        void Refused(Sample sample, string message)
        {
            var fault = Assert.Throws<InvalidDataException>(() => _workspace.Batch.Pack([TinyModel.Sample(0, 5), sample], TinyModel.ImageToken));
            Assert.StartsWith($"Sample '{sample.Id}'", fault.Message);
            Assert.Contains(message, fault.Message);
        }
    }

    [Fact]
    public void More_than_the_plan_holds_is_an_error_that_says_what_to_raise()
    {
        Refused("3 sequences, found 4", TinyModel.Sample(0, 3), TinyModel.Sample(1, 3), TinyModel.Sample(2, 3), TinyModel.Sample(3, 3));
        Refused("80 tokens and 3 tiles", TinyModel.Sample(0, 41), TinyModel.Sample(1, 40));
        Refused("would end at 40 and 4", TinyModel.Sample(0, 20, 2), TinyModel.Sample(1, 20, 2));

        void Refused(string message, params Sample[] samples) =>
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => _workspace.Batch.Pack(samples, TinyModel.ImageToken)).Message);
    }

    [Fact]
    public void A_sequence_beyond_the_prepared_positions_is_refused_before_it_runs()
    {
        using var prepared = new InternVL(TinyModel.Config, _tiny.Parameters, maximumPositions: 16);
        _workspace.Batch.Pack([TinyModel.Sample(0, 17)], TinyModel.ImageToken);
        Assert.Contains("at most 16 tokens", Assert.Throws<InvalidDataException>(() => prepared.Forward(_workspace)).Message);
    }
}
