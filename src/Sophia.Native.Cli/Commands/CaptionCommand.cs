using System.CommandLine;
using Sophia.Native.Data.Records;
using Sophia.Native.Pipeline.Captioning;
using Sophia.Native.Pipeline.Rollouts;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia caption</c>: stage 1, captions of every image, the question hidden.</summary>
internal static class CaptionCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "checkpoint folder of the policy", Required = true };
        var data = new Option<string>("--data") { Description = "questions", Required = true };
        var output = new Option<string>("--out") { Description = "folder of the store; an existing one of the same questions is gone on with", Required = true };
        var (captions, shard) = (RolloutFlags.Captions(), RolloutFlags.Shard());
        var command = new Command("caption", "Stage 1: captions of every image, the question hidden.") { model, data, output, captions, shard };
        var sampling = new SamplingFlags(command, 1f, 2048);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var session = ModelSession.Open(parsed, parsed.GetValue(model)!);
            using var store = OpenStore(parsed.GetValue(output)!, parsed.GetValue(data)!);
            await Run(parsed, session, store, sampling, new() { Captions = parsed.GetValue(captions), Shard = Shard.Parse(parsed.GetValue(shard)!) }, cancellation);
            return 0;
        });
        return command;
    }

    public static Task Run(ParseResult parsed, ModelSession session, RolloutStore store, SamplingFlags sampling, RolloutOptions options, CancellationToken cancellation)
    {
        var captioner = new ModelCaptioner(session.Model, session.Processor, sampling.MaximumNewTokens(parsed), sampling.Options(parsed));
        return RolloutStages.Caption(store, captioner, options with { Seed = (uint)SharedOptions.SeedOf(parsed) }, RolloutFlags.Progress(new(parsed)), cancellation);
    }

    public static RolloutStore OpenStore(string folder, string data)
    {
        if (RolloutStore.Exists(folder))
            return RolloutStore.Open(folder);
        return RolloutStore.Create(folder, [.. RecordReader.ReadQuestions(data)]);
    }
}
