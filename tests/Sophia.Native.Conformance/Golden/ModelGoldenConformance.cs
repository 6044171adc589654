using System.Text.Json;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;
using Sophia.Native.Models.Generation;
using Sophia.Native.Objectives;
using Sophia.Native.Training;
using Xunit;

namespace Sophia.Native.Conformance.Golden;

/// <summary>
/// The model on a backend against values made with transformers in fp32, in every storage type of the class (<see cref="StorageTypesAttribute"/>) and for its checkpoints
/// (<see cref="GoldenModelsAttribute"/>). <see cref="GoldenTolerances"/> says where the tolerances come from.
/// </summary>
/// <param name="family">The backend under test.</param>
public abstract class ModelGoldenConformance(BackendFamily family)
{
    [Theory]
    [GoldenData]
    public void Every_stage_of_the_forward_pass_is_that_of_the_reference(string name, string layout, ElementType storage)
    {
        var backend = family.Subject;
        var limits = GoldenTolerances.Of(storage);
        using var golden = new GoldenModel(name, layout, backend, storage);
        using var workspace = ModelWorkspace.Allocate(backend, golden.Config, golden.Plan());
        var report = new GoldenReport($"{name}/{layout} {storage}");
        for (var index = 0; index < 4; index++)
        {
            var prefix = $"s{index}.";
            var sample = golden.Sample(index);
            workspace.Batch.Pack([sample], golden.ImageTokenId);
            golden.Model.Forward(workspace);
            if (sample.TileCount > 0)
            {
                var visionRows = sample.TileCount * workspace.Vision.TokensPerTile;
                report.Check("vision_embed", golden.Download(workspace.Vision.Embeddings.RowRange(0, visionRows)), golden.Floats(prefix + "vision_embed"), limits.LogitsRelative);
                // The last layer's output is vision_out.
                for (var layer = 0; layer + 1 < workspace.Vision.LayerActivations.Count; layer++)
                    report.Check("vision_layer", golden.Download(workspace.Vision.LayerActivations[layer].Output.RowRange(0, visionRows)), golden.Floats($"{prefix}vision_layer.{layer}"), limits.LogitsRelative);
                report.Check("vision_out", golden.Download(workspace.Vision.Output.RowRange(0, visionRows)), golden.Floats(prefix + "vision_out"), limits.LogitsRelative);
                report.Check("projector_out", golden.Download(workspace.Projector.Output.RowRange(0, workspace.Batch.VisualTokenCount)), golden.Floats(prefix + "projector_out"), limits.LogitsRelative);
            }
            var rows = sample.Length;
            report.Check("embeds", golden.Download(workspace.Decoder.Embeddings.RowRange(0, rows)), golden.Floats(prefix + "embeds"), limits.LogitsRelative);
            for (var layer = 0; layer < workspace.Decoder.LayerActivations.Count; layer++)
                report.Check("hidden", golden.Download(workspace.Decoder.LayerActivations[layer].Output.RowRange(0, rows)), golden.Floats($"{prefix}hidden.{layer}"), limits.LogitsRelative);
            var final = workspace.Decoder.FinalNorm.RowRange(0, rows);
            report.Check("final_norm", golden.Download(final), golden.Floats(prefix + "final_norm"), limits.LogitsRelative);
            using var logitsBuffer = backend.Allocate((long)rows * golden.Config.Text.VocabularySize * sizeof(float));
            var logits = logitsBuffer.AsView().Reshape(rows, golden.Config.Text.VocabularySize);
            backend.LinearForward(logits, final, golden.Model.Decoder.Head.Value);
            report.Check("logits", golden.Download(logits), golden.Floats(prefix + "logits"), Math.Min(limits.LogitsRelative, golden.OwnDistance(index) ?? double.PositiveInfinity), limits.LogitsAbsolute);
            var (logProbabilities, entropies) = golden.Model.Score(workspace);
            report.Check("logp", golden.Download(logProbabilities), golden.Floats(prefix + "logp"), double.PositiveInfinity, limits.LogProbabilityAbsolute);
            report.Check("entropy", golden.Download(entropies)[..^1], golden.Floats(prefix + "entropy")[..(rows - 1)], double.PositiveInfinity, limits.LogProbabilityAbsolute);
        }
        report.Print();
    }

    [Theory]
    [GoldenData]
    public void Loss_and_the_gradient_of_every_parameter_are_those_of_the_reference(string name, string layout, ElementType storage)
    {
        var backend = family.Subject;
        var limits = GoldenTolerances.Of(storage);
        using var golden = new GoldenModel(name, layout, backend, storage, ParameterGroup.Vision, ParameterGroup.Projector, ParameterGroup.Decoder);
        using var trainer = new Trainer(golden.Model, new() { MicroBatch = golden.Plan() });
        golden.Parameters.ClearGradients();
        var report = new GoldenReport($"{name}/{layout} {storage}");
        for (var index = 0; index < 4; index++)
        {
            var loss = (float)trainer.AccumulateGradients([golden.Sample(index)]);
            report.Check("loss", [loss], golden.Floats($"s{index}.loss"), double.PositiveInfinity, limits.LossAbsolute);
        }
        CheckGradients(golden, limits, report);
        report.Print();
    }

    [Theory]
    [GoldenData]
    public void Packing_samples_together_changes_no_log_probability(string name, string layout, ElementType storage)
    {
        var backend = family.Subject;
        using var golden = new GoldenModel(name, layout, backend, storage);
        using var workspace = ModelWorkspace.Allocate(backend, golden.Config, golden.Plan());
        Sample[] samples = [golden.Sample(0), golden.Sample(1), golden.Sample(2), golden.Sample(3)];
        var alone = new float[4][];
        for (var index = 0; index < 4; index++)
        {
            workspace.Batch.Pack([samples[index]], golden.ImageTokenId);
            golden.Model.Forward(workspace);
            alone[index] = golden.Download(golden.Model.Score(workspace).LogProbabilities);
        }
        workspace.Batch.Pack(samples, golden.ImageTokenId);
        golden.Model.Forward(workspace);
        var packed = golden.Download(golden.Model.Score(workspace).LogProbabilities);
        for (var index = 0; index < 4; index++)
            Assert.Equal(alone[index], packed.AsSpan(workspace.Batch.Offsets[index], samples[index].Length).ToArray());
    }

    [Theory]
    [GoldenData]
    public void Three_AdamW_steps_end_where_PyTorch_ends(string name, string layout, ElementType storage)
    {
        var backend = family.Subject;
        var limits = GoldenTolerances.Of(storage);
        using var golden = new GoldenModel(name, layout, backend, storage, ParameterGroup.Vision, ParameterGroup.Projector, ParameterGroup.Decoder);
        // The golden loss is the sum of the samples' token means; the mean over four sequences of weights times four is the same.
        Sample[] samples = [golden.Sample(0, 4), golden.Sample(1, 4), golden.Sample(2, 4), golden.Sample(3, 4)];
        using var trainer = new Trainer(golden.Model, new()
        {
            Normalization = NormalizationMode.SequenceMeanTokenMean,
            Optimizer = new() { Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8, WeightDecay = 0.05, GradientClip = 1 },
            MicroBatch = golden.Plan(tokens: 128),
        });
        using var facts = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(golden.Folder, "adamw.json")));
        var quantities = new GoldenReport($"{name}/{layout} {storage}");
        var before = golden.Parameters.Layout.Parameters.ToDictionary(parameter => parameter.Name, parameter => golden.Read(parameter));
        foreach (var step in facts.RootElement.GetProperty("steps").EnumerateArray())
        {
            var report = trainer.Step(samples, 1e-3);
            quantities.Check("AdamW loss", [(float)report.Loss], [(float)step.GetProperty("loss").GetDouble()], limits.AdamWLossRelative);
            quantities.Check("AdamW gradient norm", [(float)report.GradientNorm], [(float)step.GetProperty("grad_norm").GetDouble()], limits.AdamWNormRelative);
        }
        var lossAfter = facts.RootElement.GetProperty("loss_after").GetDouble();
        quantities.Check("loss after AdamW", [(float)LossOf(trainer, samples)], [(float)lossAfter], limits.AdamWLossRelative);
        CheckParameters(golden, limits, before, quantities);
        quantities.Print();
    }

    [Theory]
    [GoldenData]
    public void Greedy_continuations_are_those_of_the_reference_with_their_scores_bit_for_bit(string name, string layout, ElementType storage)
    {
        var backend = family.Subject;
        var limits = GoldenTolerances.Of(storage);
        using var golden = new GoldenModel(name, layout, backend, storage);
        var prompt = golden.Integers("gen.prompt_ids");
        var pixels = golden.Floats("gen.pixel_values");
        var expected = golden.Integers("gen.new_ids");
        GenerationRequest[] requests = [new() { Id = "gen", PromptIds = prompt, PixelValues = pixels, TileCount = (int)golden.Shape("gen.pixel_values")[0] }];
        using var generator = new Generator(golden.Model, GeneratorPlan.For(requests, expected.Length));
        var result = generator.Generate(requests, new() { Sampling = new() { Temperature = 0 }, MaximumNewTokens = expected.Length }, TestContext.Current.CancellationToken)[0];
        var report = new GoldenReport($"{name}/{layout} {storage}");
        // Where the two best tokens are nearer than the error of a log-probability either is right; up to there the continuation is the reference's.
        var same = expected.AsSpan().CommonPrefixLength(result.OutputIds);
        Assert.True(same >= limits.GreedyTokens(expected.Length), $"{same} of {expected.Length} tokens are those of the reference.");
        report.Check("greedy logp", result.LogProbabilities.AsSpan(0, same), golden.Floats("gen.logp").AsSpan(0, same), double.PositiveInfinity, limits.LogProbabilityAbsolute);

        using var workspace = ModelWorkspace.Allocate(backend, golden.Config, golden.Plan());
        Assert.Equal(result.LogProbabilities, Score(result.OutputIds));
        report.Check("logp of the reference's continuation", Score(expected), golden.Floats("gen.logp"), double.PositiveInfinity, limits.LogProbabilityAbsolute);
        report.Print();

        float[] Score(int[] continuation)
        {
            workspace.Batch.Pack([new() { Id = "whole", InputIds = [.. prompt, .. continuation], PixelValues = pixels, TileCount = requests[0].TileCount }], golden.ImageTokenId);
            golden.Model.Forward(workspace);
            return golden.Download(golden.Model.Score(workspace).LogProbabilities)[(prompt.Length - 1)..^1];
        }
    }

    [Theory]
    [StorageData]
    public void Positions_are_interpolated_as_the_reference_does(ElementType storage)
    {
        var backend = family.Subject;
        var limits = GoldenTolerances.Of(storage);
        using var golden = new GoldenModel("qwen2-vit300m", "hf", backend, storage);
        var pixels = golden.Floats("interp.pixel_values");
        using var workspace = ModelWorkspace.Allocate(backend, golden.Config, golden.Plan(tiles: 2, tileSize: 84));
        using var buffer = backend.Allocate(pixels.Length * sizeof(float));
        backend.Upload<float>(buffer.AsView(), pixels);
        golden.Model.EncodeImages(workspace, buffer.AsView().Reshape(2, 3 * 84 * 84));
        var report = new GoldenReport($"interpolation {storage}");
        report.Check("position", golden.Download(workspace.Vision.Positions), golden.Floats("interp.position"), limits.LogitsRelative);
        report.Check("vision_out", golden.Download(workspace.Vision.Output), golden.Floats("interp.vision_out"), limits.LogitsRelative);
        report.Check("projector_out", golden.Download(workspace.Projector.Output), golden.Floats("interp.projector_out"), limits.LogitsRelative);
        report.Print();
    }

    private static double LossOf(Trainer trainer, Sample[] samples)
    {
        var loss = 0.0;
        for (var index = 0; index < samples.Length; index++)
            loss += trainer.AccumulateGradients(samples.AsSpan(index, 1)) / 4;
        return loss;
    }

    /// <summary>Assembles every tensor of the file from our gradients and compares it: stored rows one by one, the whole by norm, sum and a dot product.</summary>
    private static void CheckGradients(GoldenModel golden, GoldenTolerances limits, GoldenReport report)
    {
        using var facts = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(golden.Folder, "grads.json")));
        using var stored = SafetensorsFile.Open(Path.Combine(golden.Folder, "grads.safetensors"));
        var zero = facts.RootElement.GetProperty("zero_gradient").EnumerateArray().Select(item => item.GetString()).ToHashSet();
        var compared = 0;
        foreach (var tensor in new CheckpointMap(golden.Parameters.Layout, CheckpointLayout.HuggingFace).Tensors)
        {
            var gradient = Assemble(tensor, parameter => golden.Download(golden.Parameters[parameter.Name].Gradient));
            if (zero.Contains(tensor.Name))
            {
                // The gradient of a key bias is exactly zero; what remains is rounding noise.
                report.Check("gradient that is zero", gradient, new float[gradient.Length], double.PositiveInfinity, limits.ZeroGradient);
                continue;
            }
            var fact = facts.RootElement.GetProperty("tensors").GetProperty(tensor.Name);
            var step = fact.GetProperty("rows_step").GetInt32();
            report.Check("gradient", EveryRow(gradient, (int)(tensor.ElementCount / tensor.Shape[0]), step), GoldenModel.Floats(stored, tensor.Name), limits.GradientRelative);
            var (norm, dot) = (0.0, 0.0);
            for (var i = 0; i < gradient.Length; i++)
            {
                norm += (double)gradient[i] * gradient[i];
                dot += gradient[i] * (((long)i * 7919 % 13) - 6) / 6.0;
            }
            var expectedNorm = fact.GetProperty("l2").GetDouble();
            Assert.Equal(expectedNorm, Math.Sqrt(norm), expectedNorm * limits.GradientRelative);
            Assert.Equal(fact.GetProperty("dot").GetDouble(), dot, expectedNorm * Math.Sqrt(gradient.Length) * limits.GradientRelative);
            compared++;
        }
        Assert.True(compared > 20, $"Only {compared} gradients were compared.");
    }

    private static void CheckParameters(GoldenModel golden, GoldenTolerances limits, Dictionary<string, float[]> before, GoldenReport report)
    {
        using var facts = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(golden.Folder, "adamw.json")));
        using var stored = SafetensorsFile.Open(Path.Combine(golden.Folder, "adamw.safetensors"));
        using var gradientFacts = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(golden.Folder, "grads.json")));
        var zero = gradientFacts.RootElement.GetProperty("zero_gradient").EnumerateArray().Select(item => item.GetString()).ToHashSet();
        foreach (var tensor in new CheckpointMap(golden.Parameters.Layout, CheckpointLayout.HuggingFace).Tensors)
        {
            if (zero.Contains(tensor.Name) || !stored.TryFind(tensor.Name, out _))
                continue;
            var step = facts.RootElement.GetProperty("tensors").GetProperty(tensor.Name).GetProperty("rows_step").GetInt32();
            var columns = (int)(tensor.ElementCount / tensor.Shape[0]);
            var after = EveryRow(Assemble(tensor, golden.Read), columns, step);
            var start = EveryRow(Assemble(tensor, parameter => before[parameter.Name]), columns, step);
            var expected = GoldenModel.Floats(stored, tensor.Name);
            var moved = new float[after.Length];
            var expectedMove = new float[after.Length];
            for (var i = 0; i < after.Length; i++)
                (moved[i], expectedMove[i]) = (after[i] - start[i], expected[i] - start[i]);
            report.Check("AdamW move", moved, expectedMove, limits.MoveRelative(tensor.Name), limits.AdamWMoveAbsolute);
        }
    }

    private static float[] Assemble(FileTensor tensor, Func<Parameter, float[]> values)
    {
        var result = new float[tensor.ElementCount];
        var next = 0;
        foreach (var part in tensor.Parts)
        {
            values(part.Parameter).AsSpan((int)part.FirstElement, (int)part.ElementCount).CopyTo(result.AsSpan(next));
            next += (int)part.ElementCount;
        }
        return result;
    }

    private static float[] EveryRow(float[] values, int columns, int step)
    {
        var rows = new List<float>();
        for (var row = 0; row * columns < values.Length; row += step)
            rows.AddRange(values.AsSpan(row * columns, columns));
        return [.. rows];
    }
}
