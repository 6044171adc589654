using System.CommandLine;
using Sophia.Native.Data.Tokenization;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia init</c>: a randomly initialized checkpoint.</summary>
internal static class InitCommand
{
    public static Command Create()
    {
        var config = new Option<string>("--config") { Description = "config.json of the model", Required = true };
        var tokenizer = new Option<string>("--tokenizer") { Description = "folder with vocab.json and merges.txt, or tokenizer.model, or tokenizer.json; InternVL's special tokens are added where it has none", Required = true };
        var output = new Option<string>("--out") { Description = "new checkpoint folder", Required = true };
        var layout = new Option<string>("--layout") { Description = "hf or original", DefaultValueFactory = _ => "hf" };
        var type = new Option<string>("--save-dtype") { Description = "fp32 or bf16", DefaultValueFactory = _ => "fp32" };
        layout.AcceptOnlyFromAmong("hf", "original");
        type.AcceptOnlyFromAmong("fp32", "bf16");
        var command = new Command("init", "Writes a randomly initialized checkpoint.") { config, tokenizer, output, layout, type };
        command.SetAction(parsed => Run(parsed, parsed.GetValue(config)!, parsed.GetValue(tokenizer)!, parsed.GetValue(output)!, parsed.GetValue(layout)!, parsed.GetValue(type)!));
        return command;
    }

    private static int Run(ParseResult parsed, string configPath, string tokenizerFolder, string folder, string layoutName, string type)
    {
        OutputPlace.RequireNewFolder(folder, "choose another one");
        var config = InternVLConfig.Load(configPath);
        var tokenizer = TokenizerFolder.LoadWithInternVLTokens(tokenizerFolder);
        if (tokenizer.VocabularySize > config.Text.VocabularySize)
            throw new InvalidDataException($"{configPath}: vocab_size: expected at least {tokenizer.VocabularySize}, the tokenizer's largest id and one, found {config.Text.VocabularySize}.");
        config = config with { ImageTokenId = tokenizer.TokenToId(InternVLTokens.ImageContext) };
        var layout = new ParameterLayout(config);
        using var backend = ModelSession.OpenBackend(parsed);
        using var parameters = new ParameterSet(backend, layout);
        ParameterInitializer.Initialize(layout, SharedOptions.SeedOf(parsed), parameters);
        OutputPlace.WriteFolder(folder, unfinished =>
        {
            tokenizer.Save(unfinished);
            CheckpointWriter.Write(unfinished, layout, layoutName == "hf" ? CheckpointLayout.HuggingFace : CheckpointLayout.Original, type == "bf16" ? FileElementType.BF16 : FileElementType.F32, parameters);
        });
        var output = new CommandOutput(parsed);
        output.Line($"{folder}: {layout.ParameterCount:N0} parameters, vocabulary {config.Text.VocabularySize}, tokenizer of {tokenizer.VocabularySize} ids");
        output.Json(json => json.WriteNumber("parameters", layout.ParameterCount));
        return 0;
    }
}
