using System.CommandLine;
using Sophia.Native.Pipeline.Rollouts;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia reason</c>: stage 2, answers from caption and question.</summary>
internal static class ReasonCommand
{
    public static Command Create()
    {
        var store = new Option<string>("--store") { Description = "folder of the store", Required = true };
        var (captions, answers, shard) = (RolloutFlags.Captions(), RolloutFlags.Answers(), RolloutFlags.Shard());
        var command = new Command("reason", "Stage 2: answers from caption and question.") { store, captions, answers, shard };
        var reasoner = new ReasonerFlags(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var opened = RolloutStore.Open(parsed.GetValue(store)!);
            await Run(parsed, opened, reasoner, new RolloutOptions { Captions = parsed.GetValue(captions), Answers = parsed.GetValue(answers), Shard = Shard.Parse(parsed.GetValue(shard)!) }, cancellation);
            return 0;
        });
        return command;
    }

    public static async Task Run(ParseResult parsed, RolloutStore store, ReasonerFlags flags, RolloutOptions options, CancellationToken cancellation)
    {
        var (reasoner, owner) = flags.Open(parsed);
        using (owner)
            await RolloutStages.Reason(store, reasoner, options with { Seed = (uint)SharedOptions.SeedOf(parsed) }, RolloutFlags.Progress(new(parsed)), cancellation);
    }
}
