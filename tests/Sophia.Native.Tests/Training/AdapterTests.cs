using Sophia.Native.Conformance.Golden;
using Sophia.Native.Models;
using Sophia.Native.Models.Generation;
using Sophia.Native.Tests.Cpu;
using Sophia.Native.Tests.Generation;
using Sophia.Native.Training;

namespace Sophia.Native.Tests.Training;

/// <summary>Adapters (LoRA) of the linear layers: what they compute, their gradients, and what training them leaves alone.</summary>
public sealed class AdapterTests
{
    private static readonly Sample[] Samples = TinyModel.Samples(9);

    private static readonly InternVLConfig Deep = TinyModel.Config with { Vision = TinyModel.Config.Vision with { LayerCount = 2 }, Text = TinyModel.Config.Text with { LayerCount = 3 } };

    public static TheoryData<ParameterGroup[]> Parts => new(
        TinyModel.AllGroups, [ParameterGroup.Decoder], [ParameterGroup.Projector], [ParameterGroup.Vision], [ParameterGroup.Vision, ParameterGroup.Decoder]);

    [Fact]
    public void It_begins_as_no_change()
    {
        using var plain = new TinyModel([ParameterGroup.Decoder]);
        using var adapted = new TinyModel([ParameterGroup.Adapter], adapter: TinyModel.Adapter());
        using var plainTrainer = new Trainer(plain.Model, Options());
        using var trainer = new Trainer(adapted.Model, Options());
        var expected = new float[Samples.Length][];
        var found = new float[Samples.Length][];
        plainTrainer.Snapshot(Samples, expected);
        trainer.Snapshot(Samples, found);
        for (var i = 0; i < Samples.Length; i++)
            CpuFixture.SameBits(expected[i], found[i], Samples[i].Id);
    }

    [Fact]
    public void A_is_uniform_within_one_over_the_root_of_its_columns_and_follows_the_seed()
    {
        using var first = new TinyModel([], adapter: TinyModel.Adapter(rank: 64));
        foreach (var parameter in first.Parameters.Layout.Parameters.Where(parameter => parameter.Group == ParameterGroup.Adapter))
        {
            var values = first.Download(first.Parameters[parameter.Name].Value);
            if (parameter.Name.EndsWith("lora_B", StringComparison.Ordinal))
            {
                Assert.All(values, value => Assert.Equal(0, value));
                continue;
            }
            var bound = 1 / Math.Sqrt(parameter.Columns);
            Assert.All(values, value => Assert.InRange(value, -bound, bound));
            // Standard errors of the mean and of the mean square of n uniform numbers: bound / sqrt(3 n) and bound^2 * sqrt(4 / 45 n); six of them.
            Assert.Equal(0, values.Average(), 6 * bound / Math.Sqrt(3.0 * values.Length));
            Assert.Equal(bound * bound / 3, values.Average(value => (double)value * value), 6 * bound * bound * Math.Sqrt(4.0 / 45 / values.Length));
        }
        using var other = new TinyModel([], adapter: TinyModel.Adapter(rank: 64));
        const string name = "adapter.model.language_model.layers.1.mlp.up_proj.lora_A";
        var before = first.Download(first.Parameters[name].Value);
        CpuFixture.SameBits(before, other.Download(other.Parameters[name].Value), "same seed");
        ParameterInitializer.InitializeAdapter(other.Parameters.Layout, 8, other.Parameters);
        Assert.NotEqual(before, other.Download(other.Parameters[name].Value));
        CpuFixture.SameBits(first.Values(ParameterGroup.Decoder), other.Values(ParameterGroup.Decoder), "the model");
    }

    [Theory]
    [MemberData(nameof(Parts))]
    public void Gradients_of_A_and_B_are_those_of_the_merged_weights_by_the_chain_rule(ParameterGroup[] groups)
    {
        var adapter = TinyModel.Adapter(groups: groups);
        using var adapted = new TinyModel([ParameterGroup.Adapter], adapter: adapter).WithRandomAdapter();
        using var merged = Merge(adapted, TinyModel.AllGroups);
        using var trainer = new Trainer(adapted.Model, Options());
        using var mergedTrainer = new Trainer(merged.Model, Options());
        // Two ways to the same sums in fp32, each some hundred terms long.
        Assert.Equal(mergedTrainer.Step(Samples, 0).Loss, trainer.Step(Samples, 0).Loss, 2e-6);
        foreach (var module in adapted.Parameters.Layout.AdaptedModules)
        {
            var dWeight = merged.Download(merged.Parameters[module.Weight.Name].Gradient.RowRange(module.FirstRow, module.Rows));
            var down = adapted.Download(adapted.Parameters[module.DownName].Value);
            var up = adapted.Download(adapted.Parameters[module.UpName].Value);
            var (rank, columns) = (adapter.Rank, module.Columns);
            var dDown = new float[rank * columns];
            var dUp = new float[module.Rows * rank];
            for (var o = 0; o < module.Rows; o++)
            {
                for (var k = 0; k < rank; k++)
                {
                    var sum = 0.0;
                    for (var c = 0; c < columns; c++)
                    {
                        sum += (double)dWeight[o * columns + c] * down[k * columns + c];
                        dDown[k * columns + c] += (float)(adapter.Scale * up[o * rank + k] * dWeight[o * columns + c]);
                    }
                    dUp[o * rank + k] = (float)(adapter.Scale * sum);
                }
            }
            Close(dDown, adapted.Download(adapted.Parameters[module.DownName].Gradient), module.DownName);
            Close(dUp, adapted.Download(adapted.Parameters[module.UpName].Gradient), module.UpName);
        }

        static void Close(float[] expected, float[] found, string name)
        {
            var (distance, norm) = GoldenModel.Distance(found, expected);
            // A key's projection has gradients near 0 where attention is nearly flat: an absolute floor beside the relative bound.
            Assert.True(distance < 1e-4 || norm < 1e-7, $"{name}: relative distance {distance}, largest difference {norm}");
            Assert.Contains(found, value => value != 0);
        }
    }

    [Fact]
    public void The_loss_changes_along_the_gradient_as_fast_as_the_gradient_says()
    {
        using var tiny = new TinyModel([ParameterGroup.Adapter], adapter: TinyModel.Adapter()).WithRandomAdapter();
        using var trainer = new Trainer(tiny.Model, Options());
        trainer.Step(Samples, 0);
        var gradient = tiny.Gradients();
        var start = tiny.Values(ParameterGroup.Adapter);
        var square = gradient.Sum(value => (double)value * value);
        // A step that moves the loss by a hundredth: far above the rounding of the loss (1e-7), far below its curvature.
        var step = 5e-3 / square;
        double LossAt(double factor)
        {
            var (offset, length) = tiny.Parameters.Layout.RangeOf(ParameterGroup.Adapter);
            tiny.Backend.Upload<float>(tiny.Parameters.Values.ColumnRange(offset, length), start.Zip(gradient, (value, slope) => (float)(value + factor * slope)).ToArray());
            return trainer.Step(Samples, 0).Loss;
        }
        var slope = (LossAt(step) - LossAt(-step)) / (2 * step);
        Assert.Equal(1, slope / square, 2e-2);
    }

    [Theory]
    [MemberData(nameof(Parts))]
    public void Training_lowers_the_loss_and_leaves_every_bit_of_the_model_alone(ParameterGroup[] groups)
    {
        using var tiny = new TinyModel([ParameterGroup.Adapter], adapter: TinyModel.Adapter(groups: groups), threads: 2);
        using var fresh = new TinyModel([]);
        using var trainer = new Trainer(tiny.Model, Options());
        Sample[] samples = [.. Samples.Select(sample => sample with { TokenWeights = null })];
        var first = trainer.Step(samples, 1e-2).Loss;
        var last = first;
        for (var step = 0; step < 20; step++)
            last = trainer.Step(samples, 1e-2).Loss;
        Assert.True(last < first - 0.005, $"{first} to {last}");
        foreach (var group in TinyModel.AllGroups)
            CpuFixture.SameBits(fresh.Values(group), tiny.Values(group), group.ToString());
    }

    [Fact]
    public void The_model_has_no_memory_for_gradients_or_moments()
    {
        using var tiny = new TinyModel([ParameterGroup.Adapter], adapter: TinyModel.Adapter(rank: 2));
        using var trainer = new Trainer(tiny.Model, Options());
        var (_, length) = tiny.Parameters.Layout.RangeOf(ParameterGroup.Adapter);
        Assert.Equal(length, tiny.Parameters.Gradients.Length);
        Assert.Equal(length, trainer.Optimizer.FirstMoments.Length);
        Assert.True(length < tiny.Parameters.Layout.ElementCount / 4);
        foreach (var parameter in tiny.Parameters.Layout.Parameters)
            Assert.Equal(parameter.Group != ParameterGroup.Adapter, tiny.Parameters[parameter.Name].Gradient.IsAbsent);
        using var decoder = new TinyModel([ParameterGroup.Adapter], adapter: TinyModel.Adapter(rank: 2, groups: [ParameterGroup.Decoder]));
        using var decoderTrainer = new Trainer(decoder.Model, Options());
        Assert.True(decoderTrainer.WorkspaceBytes < trainer.WorkspaceBytes);
    }

    [Fact]
    public void Recomputation_micro_batches_and_threads_change_no_bit_of_its_training()
    {
        var expected = Train(TinyModel.Plan(tokens: 512, tiles: 40, sequences: 16), 1);
        CpuFixture.SameBits(expected, Train(TinyModel.Plan(tokens: 512, tiles: 40, sequences: 16) with { Recompute = true }, 2), "recomputed");
        CpuFixture.SameBits(expected, Train(TinyModel.Plan(tokens: 40) with { Recompute = true }, 1), "small micro-batches");

        static float[] Train(ModelPlan plan, int threads)
        {
            using var tiny = new TinyModel([ParameterGroup.Adapter], config: Deep, adapter: TinyModel.Adapter(config: Deep), threads: threads).WithRandomAdapter();
            using var trainer = new Trainer(tiny.Model, new() { MicroBatch = plan });
            for (var step = 0; step < 3; step++)
                Assert.True(trainer.Step(Samples, 1e-2).IsFinite);
            return tiny.Values(ParameterGroup.Adapter);
        }
    }

    [Fact]
    public void After_the_first_step_a_step_allocates_nothing()
    {
        using var tiny = new TinyModel([ParameterGroup.Adapter], adapter: TinyModel.Adapter());
        using var trainer = new Trainer(tiny.Model, Options());
        Assert.Equal(0, CpuFixture.AllocatedBytes(() =>
        {
            for (var step = 0; step < 3; step++)
                trainer.Step(Samples, 1e-3);
        }));
    }

    [Theory]
    [InlineData(ElementType.Float32)]
    [InlineData(ElementType.BFloat16)]
    public void Log_probabilities_recorded_while_generating_are_bitwise_those_of_scoring(ElementType storage)
    {
        var requests = GenerationFixture.Requests(seed: 6, count: 9);
        var options = new GenerationOptions { MaximumNewTokens = 15, Sampling = new() { Temperature = 0.9f, Seed = 4 } };
        using var tiny = new TinyModel([], threads: 2, storage: storage, adapter: TinyModel.Adapter()).WithRandomAdapter();
        using var plain = new TinyModel([], threads: 2, storage: storage);
        var results = GenerationFixture.Generate(tiny, requests, options);
        var few = GenerationFixture.Generate(tiny, requests, options, new() { Slots = 2, Capacity = 48, PrefillTokens = 30, PrefillTiles = 4 });
        var unadapted = GenerationFixture.Generate(plain, requests, options);
        for (var i = 0; i < requests.Length; i++)
        {
            Assert.Equal(results[i].OutputIds, few[i].OutputIds);
            CpuFixture.SameBits(results[i].LogProbabilities, few[i].LogProbabilities, requests[i].Id);
        }
        Assert.Contains(Enumerable.Range(0, requests.Length), i => !results[i].OutputIds.SequenceEqual(unadapted[i].OutputIds));
        foreach (var budget in (int[])[48, 300])
        {
            var scores = GenerationFixture.Score(tiny, requests, results, 0.9f, budget);
            for (var i = 0; i < requests.Length; i++)
                CpuFixture.SameBits(scores[i], results[i].LogProbabilities, $"{requests[i].Id}, budget {budget}");
        }
        // The trainer's own pass, which keeps activations and runs in other micro-batches.
        using var trained = new TinyModel([ParameterGroup.Adapter], threads: 1, storage: storage, adapter: TinyModel.Adapter()).WithRandomAdapter();
        using var trainer = new Trainer(trained.Model, new() { MicroBatch = TinyModel.Plan(tokens: 80), Objective = new() { Temperature = 0.9f } });
        var sample = new Sample
        {
            Id = "generated", InputIds = [.. requests[0].PromptIds, .. results[0].OutputIds], PixelValues = requests[0].PixelValues, TileCount = requests[0].TileCount,
            LossMask = [.. Enumerable.Repeat(true, requests[0].PromptIds.Length + results[0].OutputIds.Length)],
        };
        var snapshot = new float[1][];
        trainer.Snapshot([sample], snapshot);
        CpuFixture.SameBits(results[0].LogProbabilities, snapshot[0].AsSpan(requests[0].PromptIds.Length), "snapshot");
    }

    [Fact]
    public void A_workspace_that_was_planned_without_the_adapter_is_an_error_that_says_so()
    {
        using var tiny = new TinyModel([], adapter: TinyModel.Adapter());
        using var workspace = ModelWorkspace.Allocate(tiny.Backend, TinyModel.Config, TinyModel.Plan());
        workspace.Batch.Pack([TinyModel.Sample(0, 9)], TinyModel.ImageToken);
        Assert.Contains("ModelPlan.Adapter", Assert.Throws<InvalidOperationException>(() => tiny.Model.Forward(workspace)).Message);
    }

    [Fact]
    public void In_bf16_the_matrices_have_fp32_masters_and_the_loss_falls()
    {
        using var tiny = new TinyModel([ParameterGroup.Adapter], storage: ElementType.BFloat16, adapter: TinyModel.Adapter());
        using var trainer = new Trainer(tiny.Model, Options());
        Assert.Equal(tiny.Parameters.TrainedCount, tiny.Parameters.Masters.Length);
        Sample[] samples = [.. Samples.Select(sample => sample with { TokenWeights = null })];
        var first = trainer.Step(samples, 1e-2).Loss;
        var last = first;
        for (var step = 0; step < 20; step++)
            last = trainer.Step(samples, 1e-2).Loss;
        Assert.True(last < first - 0.02, $"{first} to {last}");
    }

    [Fact]
    public void Targets_mean_what_they_mean_to_PEFT()
    {
        Assert.Equal(6 + 2 + 2 * 7, TinyModel.Adapter().Modules.Count);
        Assert.Equal(["model.vision_tower.encoder.layer.0.attention.q_proj", "model.language_model.layers.0.self_attn.q_proj", "model.language_model.layers.1.self_attn.q_proj"], TinyModel.Adapter(targets: ["q_proj"]).Modules);
        Assert.Equal(["model.language_model.layers.0.self_attn.q_proj", "model.language_model.layers.1.self_attn.q_proj"], TinyModel.Adapter(targets: ["self_attn.q_proj"]).Modules);
        Assert.Equal(["model.language_model.layers.0.self_attn.q_proj", "model.language_model.layers.1.self_attn.q_proj"], TinyModel.Adapter(targets: ["q_proj"], groups: [ParameterGroup.Decoder]).Modules);
        Assert.Equal(["model.multi_modal_projector.linear_2", "model.language_model.layers.1.mlp.down_proj"],
            TinyModel.Adapter(targets: ["model.language_model.layers.1.mlp.down_proj", "linear_2"]).Modules);
        Refused(["proj"], null, "q_proj, k_proj, v_proj, projection_layer, fc1, fc2, linear_1, linear_2, o_proj, gate_proj, up_proj, down_proj, found \"proj\"");
        Refused(["lm_head"], null, "found \"lm_head\"");
        Refused(["embed_tokens"], null, "found \"embed_tokens\"");
        Refused(["linear_1"], [ParameterGroup.Decoder], "found \"linear_1\", which lies in the part projector: leave that out of \"freeze\"");
        Refused(["q_proj"], [], "no part of the model");
        Refused(null, [], "found none");

        static void Refused(string[]? targets, ParameterGroup[]? groups, string message) =>
            Assert.Contains(message, Assert.Throws<InvalidDataException>(() => TinyModel.Adapter(targets: targets, groups: groups)).Message);
    }

    [Fact]
    public void An_adapter_of_nothing_or_of_no_rank_is_refused()
    {
        Assert.Contains("rank", Assert.Throws<ArgumentException>(() => new AdapterConfig(0, 1, ["a"])).Message);
        Assert.Contains("alpha", Assert.Throws<ArgumentException>(() => new AdapterConfig(1, 0, ["a"])).Message);
        Assert.Contains("alpha", Assert.Throws<ArgumentException>(() => new AdapterConfig(1, double.NaN, ["a"])).Message);
        Assert.Contains("at least one", Assert.Throws<ArgumentException>(() => new AdapterConfig(1, 1, [])).Message);
        Assert.Contains("a twice", Assert.Throws<ArgumentException>(() => new AdapterConfig(1, 1, ["a", "a"])).Message);
        Assert.Contains("model.none", Assert.Throws<ArgumentException>(() => new ParameterLayout(TinyModel.Config, new(1, 1, ["model.none"]))).Message);
    }

    /// <summary>A model without an adapter whose weights are those of the adapted one with the adapter merged into them.</summary>
    internal static TinyModel Merge(TinyModel adapted, ParameterGroup[] trained)
    {
        var merged = new TinyModel(trained, config: adapted.Parameters.Layout.Config);
        var source = new MergedParameters(adapted.Parameters);
        foreach (var parameter in merged.Parameters.Layout.Parameters)
        {
            var values = new float[parameter.Length];
            source.Read(adapted.Parameters.Layout[parameter.Name], 0, values);
            merged.Parameters.Write(parameter, 0, values);
        }
        return merged;
    }

    private static TrainerOptions Options() => new() { MicroBatch = TinyModel.Plan() };
}
