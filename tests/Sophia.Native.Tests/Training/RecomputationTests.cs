using Sophia.Native.Conformance.Golden;
using Sophia.Native.Models;
using Sophia.Native.Tests.Cpu;
using Sophia.Native.Training;

namespace Sophia.Native.Tests.Training;

/// <summary>A backward pass that computes a layer's activations anew against one that kept them.</summary>
public sealed class RecomputationTests
{
    private static readonly InternVLConfig Deep = TinyModel.Config with { Vision = TinyModel.Config.Vision with { LayerCount = 3 }, Text = TinyModel.Config.Text with { LayerCount = 4 } };

    public static TheoryData<ParameterGroup[]> Trained => new(TinyModel.AllGroups, [ParameterGroup.Decoder], [ParameterGroup.Projector], [ParameterGroup.Vision, ParameterGroup.Decoder]);

    [Fact]
    public void The_golden_model_has_the_same_bits_of_loss_and_gradients()
    {
        using var backend = Backend.Open("cpu", new() { Threads = 2 });
        using var golden = new GoldenModel("internlm2-vit300m", "hf", backend, ElementType.Float32, TinyModel.AllGroups);
        Sample[] samples = [golden.Sample(0), golden.Sample(1), golden.Sample(2), golden.Sample(3)];
        var (loss, gradients) = Accumulate(false);
        Assert.Contains(gradients, gradient => gradient != 0);
        var (sameLoss, sameGradients) = Accumulate(true);
        Assert.Equal(loss, sameLoss);
        CpuFixture.SameBits(gradients, sameGradients, "gradients");

        (double Loss, float[] Gradients) Accumulate(bool recompute)
        {
            using var trainer = new Trainer(golden.Model, new() { MicroBatch = golden.Plan() with { Recompute = recompute } });
            golden.Parameters.ClearGradients();
            var sum = trainer.AccumulateGradients(samples);
            return (sum, golden.Download(golden.Parameters.Gradients));
        }
    }

    [Theory]
    [MemberData(nameof(Trained))]
    public void Several_steps_over_micro_batches_end_with_the_same_bits_in_less_memory(ParameterGroup[] trained)
    {
        var (kept, keptBytes) = Train(trained, recompute: false);
        var (recomputed, recomputedBytes) = Train(trained, recompute: true);
        CpuFixture.SameBits(kept, recomputed, "parameters");
        Assert.True(recomputedBytes < keptBytes, $"{recomputedBytes} of {keptBytes} bytes");
    }

    [Fact]
    public void Poison_in_the_memory_that_layers_share_reaches_no_gradient()
    {
        // A layer whose backward pass read what another layer left there would be found by other bits; one that read what nobody wrote, by NaN.
        var samples = TinyModel.Samples(4);
        float[] Gradients(bool poison)
        {
            using var tiny = new TinyModel(TinyModel.AllGroups, config: Deep);
            using var workspace = ModelWorkspace.Allocate(tiny.Backend, Deep, TinyModel.Plan(tokens: 128) with { Training = true, TrainsProjector = true, TrainsVision = true, Recompute = true });
            var shared = workspace.Decoder.Layers[0];
            if (poison)
            {
                foreach (var view in (DeviceView[])[shared.Norm1, shared.Norm2, shared.QueryKeyValue, shared.Attention, shared.Middle, shared.GateUp, shared.SwiGlu, workspace.Decoder.Branch])
                    tiny.Backend.Fill(view, float.NaN);
            }
            workspace.Batch.Pack(samples, TinyModel.ImageToken);
            var normalizers = new float[workspace.Batch.TokenCount];
            Array.Fill(normalizers, 1f);
            workspace.Batch.SetNormalizers(normalizers);
            using var metrics = tiny.Backend.Allocate(Native.Objectives.ObjectiveMetrics.Length * sizeof(double));
            tiny.Model.Forward(workspace);
            tiny.Model.Backward(workspace, new() { Ratio = Native.Objectives.ImportanceRatio.One }, metrics.AsView(ElementType.Float64));
            return tiny.Gradients();
        }
        CpuFixture.SameBits(Gradients(false), Gradients(true), "gradients");
    }

    [Fact]
    public void The_plan_of_a_deep_model_keeps_one_layer_and_what_enters_the_others()
    {
        using var backend = Backend.Open("cpu", new() { Threads = 1 });
        var plan = TinyModel.Plan(tokens: 4096, tiles: 16) with { Training = true, TrainsProjector = true, TrainsVision = true };
        InternVLConfig Layers(int text, int vision) => TinyModel.Config with { Vision = TinyModel.Config.Vision with { LayerCount = vision }, Text = TinyModel.Config.Text with { LayerCount = text } };
        long Bytes(int text, int vision, bool recompute) => ModelWorkspace.Measure(backend, Layers(text, vision), plan with { Recompute = recompute }).PeakBytes;
        var textStream = 4096L * TinyModel.Config.Text.HiddenSize * sizeof(float);
        var visionStream = 16L * (1 + TinyModel.Config.TileGrid * TinyModel.Config.TileGrid) * TinyModel.Config.Vision.HiddenSize * sizeof(float);
        Assert.Equal(Bytes(1, 1, false), Bytes(1, 1, true));
        Assert.Equal(Bytes(1, 1, true) + 7 * textStream, Bytes(8, 1, true));
        Assert.Equal(Bytes(1, 1, true) + 5 * visionStream, Bytes(1, 6, true));
        Assert.True(Bytes(8, 6, true) < Bytes(8, 6, false) / 3);
    }

    private static (float[] Values, long Bytes) Train(ParameterGroup[] trained, bool recompute)
    {
        using var tiny = new TinyModel(trained, config: Deep, threads: 2);
        using var trainer = new Trainer(tiny.Model, new() { MicroBatch = TinyModel.Plan(tokens: 48) with { Recompute = recompute } });
        for (var step = 0; step < 3; step++)
            Assert.True(trainer.Step(TinyModel.Samples(9), 1e-2).IsFinite);
        return (tiny.Values(), trainer.WorkspaceBytes);
    }
}
