using System.CommandLine;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia merge</c>: a checkpoint with its adapter merged into the weights.</summary>
internal static class MergeCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "checkpoint folder", Required = true };
        var adapter = new Option<string>("--adapter") { Description = "adapter over the model: a folder with PEFT's adapter_config.json and adapter_model.safetensors", Required = true };
        var output = new Option<string>("--out") { Description = "new checkpoint folder, in the layout of --model", Required = true };
        var type = new Option<string>("--save-dtype") { Description = "fp32 or bf16", DefaultValueFactory = _ => "fp32" };
        type.AcceptOnlyFromAmong("fp32", "bf16");
        var command = new Command("merge", "Writes a checkpoint with an adapter merged into its weights.") { model, adapter, output, type };
        command.SetAction(parsed => Run(parsed, parsed.GetValue(model)!, parsed.GetValue(adapter)!, parsed.GetValue(output)!, parsed.GetValue(type)!));
        return command;
    }

    private static int Run(ParseResult parsed, string folder, string adapter, string outputFolder, string type)
    {
        OutputPlace.RequireNewFolder(outputFolder, "choose another one");
        using var session = ModelSession.Open(parsed, folder, adapter);
        OutputPlace.WriteFolder(outputFolder, unfinished =>
        {
            if (session.Processor.HasTokenizer)
                session.Processor.Tokenizer.Save(unfinished);
            CheckpointWriter.Write(unfinished, session.Parameters.Layout, session.Layout, type == "bf16" ? FileElementType.BF16 : FileElementType.F32, new MergedParameters(session.Parameters));
        });
        var merged = session.Parameters.Layout.Adapter!;
        var output = new CommandOutput(parsed);
        output.Line(FormattableString.Invariant($"{outputFolder}: {merged.Modules.Count} linear layers merged, rank {merged.Rank}, alpha {merged.Alpha}"));
        output.Json(json =>
        {
            json.WriteNumber("merged_layers", merged.Modules.Count);
            json.WriteNumber("rank", merged.Rank);
        });
        return 0;
    }
}
