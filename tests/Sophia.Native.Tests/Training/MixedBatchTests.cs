using Sophia.Native.Models;
using Sophia.Native.Objectives;
using Sophia.Native.Training;

namespace Sophia.Native.Tests.Training;

/// <summary>Text-only samples beside samples with images in one batch: no sample notices the others.</summary>
public sealed class MixedBatchTests
{
    private static readonly Sample[] Samples = [TinyModel.Sample(1, 14), TinyModel.Sample(2, 20, 1), TinyModel.Sample(3, 9), TinyModel.Sample(4, 26, 2), TinyModel.Sample(5, 11)];

    [Fact]
    public void Scores_have_the_bits_of_each_sample_alone_in_any_order()
    {
        using var tiny = new TinyModel([]);
        using var workspace = ModelWorkspace.Allocate(tiny.Backend, TinyModel.Config, TinyModel.Plan(128, 5, 3));
        var alone = Samples.Select(sample => Score(tiny, workspace, [sample]).Single()).ToArray();
        foreach (var order in (int[][])[[0, 1, 2, 3, 4], [3, 0, 1, 4, 2], [0, 2, 4], [4, 3]])
        {
            var together = Score(tiny, workspace, [.. order.Select(i => Samples[i])]);
            for (var i = 0; i < order.Length; i++)
                Assert.Equal(alone[order[i]], together[i]);
        }
    }

    [Fact]
    public void Text_alone_leaves_no_gradient_in_encoder_and_projector_and_changes_none_beside_images()
    {
        var text = Gradients([Samples[0], Samples[2]]);
        Assert.All(text.Vision, gradient => Assert.Equal(0, gradient));
        Assert.Contains(text.Decoder, gradient => gradient != 0);
        var images = Gradients([Samples[1], Samples[3]]);
        Assert.Contains(images.Vision, gradient => gradient != 0);
        // The sum over tokens has a factor of one for every token, so that an image's share does not depend on the batch.
        Assert.Equal(images.Vision, Gradients(Samples).Vision);
    }

    private static (float[] Vision, float[] Decoder) Gradients(Sample[] samples)
    {
        using var tiny = new TinyModel(TinyModel.AllGroups);
        using var trainer = new Trainer(tiny.Model, new() { Normalization = NormalizationMode.TokenSum, MicroBatch = TinyModel.Plan(128) });
        trainer.Step(samples, 0);
        float[] Group(ParameterGroup group)
        {
            var (offset, length) = tiny.Parameters.Layout.RangeOf(group);
            return tiny.Download(tiny.Parameters.Gradients.ColumnRange(offset, length));
        }
        return ([.. Group(ParameterGroup.Vision), .. Group(ParameterGroup.Projector)], Group(ParameterGroup.Decoder));
    }

    private static float[][] Score(TinyModel tiny, ModelWorkspace workspace, Sample[] samples)
    {
        workspace.Batch.Pack(samples, TinyModel.ImageToken);
        tiny.Model.Forward(workspace);
        var values = tiny.Download(tiny.Model.Score(workspace, 1).LogProbabilities);
        var scores = new float[samples.Length][];
        var next = 0;
        for (var i = 0; i < samples.Length; i++)
        {
            scores[i] = values[next..(next + samples[i].Length)];
            next += samples[i].Length;
        }
        return scores;
    }
}
