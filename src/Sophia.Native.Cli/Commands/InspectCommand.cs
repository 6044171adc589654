using System.CommandLine;
using System.Globalization;
using Sophia.Native.Models;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia inspect</c>: configuration, parameter table, memory plan and operation counts of a model, without loading its weights.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "checkpoint folder or config.json", Required = true };
        var tokens = new Option<int>("--tokens") { Description = "packed tokens of the planned batch", DefaultValueFactory = _ => 4096 };
        var tiles = new Option<int>("--tiles") { Description = "image tiles of the planned batch", DefaultValueFactory = _ => 4 };
        var command = new Command("inspect", "Configuration, parameters, memory plan and FLOPs of a model.") { model, tokens, tiles };
        command.SetAction(parsed => Run(new(parsed), SharedOptions.StorageOf(parsed), parsed.GetValue(model)!, parsed.GetValue(tokens), parsed.GetValue(tiles)));
        return command;
    }

    private static int Run(CommandOutput output, ElementType storage, string path, int tokens, int tiles)
    {
        if (tokens < 1 || tiles < 0)
            throw new UsageException($"inspect: expected --tokens of at least 1 and --tiles of at least 0, found {tokens} and {tiles}.");
        var config = InternVLConfig.Load(path);
        var layout = new ParameterLayout(config);
        using var backend = Backend.Open("cpu", new() { Threads = 1 });
        var plan = new ModelPlan { MaximumTokens = tokens, MaximumSequences = Math.Max(1, tokens / 64), MaximumTiles = tiles, Storage = storage };
        var inference = ModelWorkspace.Measure(backend, config, plan);
        var training = plan with { Training = true, TrainsProjector = true, TrainsVision = true };
        var kept = ModelWorkspace.Measure(backend, config, training);
        var recomputed = ModelWorkspace.Measure(backend, config, training with { Recompute = true });
        PrintConfiguration(output, config);
        PrintParameters(output, layout);
        // In bf16 what is trained has an fp32 master; gradients and, unless the recipe says otherwise, moments are fp32 either way.
        var parameterBytes = layout.ElementCount * storage.Size();
        var masterBytes = storage == ElementType.BFloat16 ? layout.ElementCount * 4 : 0;
        var stateBytes = layout.ElementCount * 12;
        output.Line($"\nmemory for {tokens} tokens and {tiles} tiles, {(storage == ElementType.BFloat16 ? "bf16" : "fp32")}");
        output.Line($"  parameters                {CommandOutput.Bytes(parameterBytes),12}");
        if (masterBytes > 0)
            output.Line($"  fp32 masters              {CommandOutput.Bytes(masterBytes),12}");
        output.Line($"  gradients and moments     {CommandOutput.Bytes(stateBytes),12}");
        output.Line($"  activations, inference    {CommandOutput.Bytes(inference.PeakBytes),12}");
        output.Line($"  activations, training     {CommandOutput.Bytes(kept.PeakBytes),12}");
        output.Line($"  the same, recomputed      {CommandOutput.Bytes(recomputed.PeakBytes),12}  (\"recompute\": true)");
        var flops = new ForwardOperations(config);
        output.Line("\noperations of the forward pass (2 per multiply-add); a training step takes three times as many");
        output.Line($"  a tile                    {Giga(flops.PerTile),12} GFLOP");
        output.Line($"  a token                   {Giga(flops.PerToken),12} GFLOP, and {Giga(flops.PerTokenAndKey * 1000)} GFLOP per 1000 keys it attends to");
        output.Json(json =>
        {
            json.WriteNumber("parameters", layout.ParameterCount);
            json.WriteNumber("parameter_bytes", parameterBytes);
            json.WriteNumber("training_state_bytes", masterBytes + stateBytes);
            json.WriteNumber("inference_activation_bytes", inference.PeakBytes);
            json.WriteNumber("training_activation_bytes", kept.PeakBytes);
            json.WriteNumber("recomputed_activation_bytes", recomputed.PeakBytes);
            json.WriteNumber("flops_per_tile", flops.PerTile);
            json.WriteNumber("flops_per_token", flops.PerToken);
            json.WriteNumber("flops_per_token_and_key", flops.PerTokenAndKey);
        });
        return 0;
    }

    private static void PrintConfiguration(CommandOutput output, InternVLConfig config)
    {
        var (vision, text) = (config.Vision, config.Text);
        output.Line($"vision   {vision.LayerCount} layers x {vision.HiddenSize}, {vision.HeadCount} heads of {vision.HeadSize}, feed-forward {vision.FeedForwardSize}, {vision.Normalization}{(vision.HasQueryKeyNorm ? ", q/k norm" : "")}, tiles of {config.TileSize}, patches of {vision.PatchSize}");
        output.Line($"text     {text.Architecture}, {text.LayerCount} layers x {text.HiddenSize}, {text.HeadCount} heads and {text.KeyValueHeadCount} key-value heads of {text.HeadSize}, feed-forward {text.FeedForwardSize}, vocabulary {text.VocabularySize}, {text.MaxPositionEmbeddings} positions");
        output.Line($"image    {config.VisualTokensPerTile} visual tokens a tile, up to {config.MaxDynamicPatch} tiles{(config.UseThumbnail ? " and a thumbnail" : "")}");
    }

    private static void PrintParameters(CommandOutput output, ParameterLayout layout)
    {
        output.Line($"\nparameters {layout.ParameterCount.ToString("N0", CultureInfo.InvariantCulture)}");
        foreach (var group in (ReadOnlySpan<ParameterGroup>)[ParameterGroup.Vision, ParameterGroup.Projector, ParameterGroup.Decoder])
            output.Line($"  {group.ToString().ToLowerInvariant(),-10} {layout.CountOf(group).ToString("N0", CultureInfo.InvariantCulture),16}");
        foreach (var parameter in layout.Parameters)
            output.Line($"    {parameter.Name,-44} [{parameter.Rows}, {parameter.Columns}]{(parameter.Decays ? "" : "  no decay")}");
    }

    private static string Giga(double operations) => (operations / 1e9).ToString("0.000", CultureInfo.InvariantCulture);
}
