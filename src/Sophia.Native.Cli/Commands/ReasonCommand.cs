using System.CommandLine;
using Sophia.Native.Pipeline.Rollouts;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia reason</c>: stage 2, answers from caption and question.</summary>
internal static class ReasonCommand
{
    public static Command Create()
    {
        var store = new Option<string>("--store") { Description = "folder of the store", Required = true };
        var round = new RoundFlags { Captions = true, Answers = true };
        var command = new Command("reason", "Stage 2: answers from caption and question.") { store };
        round.AddTo(command);
        var reasoner = new ReasonerFlags(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var options = round.Options(parsed);
            reasoner.Check(parsed);
            using var opened = RolloutStore.Open(parsed.GetValue(store)!);
            var output = new CommandOutput(parsed);
            await Run(parsed, output, opened, reasoner, options, cancellation);
            output.Json(json =>
            {
                json.WriteNumber("questions", opened.Questions.Count);
                json.WriteNumber("answers", StoreStatus.Of(opened, options).Answers);
            });
            return 0;
        });
        return command;
    }

    public static async Task Run(ParseResult parsed, CommandOutput output, RolloutStore store, ReasonerFlags flags, RolloutOptions options, CancellationToken cancellation)
    {
        var (reasoner, owner) = flags.Open(parsed);
        using (owner)
        {
            store.Settle("reasoner", flags.Settled(parsed));
            await RolloutStages.Reason(store, reasoner, options, new StageProgress(output), cancellation);
        }
    }
}
