using System.CommandLine;
using Sophia.Native.Pipeline.Rollouts;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia rollout</c>: the three stages in a row; called again it goes on where it stopped.</summary>
internal static class RolloutCommand
{
    public static Command Create()
    {
        var model = new Option<string?>("--model") { Description = "checkpoint folder of the policy" };
        var data = new Option<string?>("--data") { Description = "questions" };
        var store = new Option<string>("--store") { Description = "folder of the store", Required = true };
        var output = new Option<string?>("--out") { Description = "file of trajectories" };
        var selectedOnly = new Option<bool>("--selected-only") { Description = "write selected trajectories alone" };
        var status = new Option<bool>("--status") { Description = "say how far the store is, and do nothing" };
        var round = new RoundFlags { Captions = true, Answers = true, Selection = true };
        var command = new Command("rollout", "Captions, answers and rewards in a row; resumable.") { model, data, store, output, selectedOnly, status };
        round.AddTo(command);
        var sampling = new SamplingFlags(command, 1f, 2048);
        var reasoner = new ReasonerFlags(command, isRequired: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            var options = round.Options(parsed) with { WriteUnselected = !parsed.GetValue(selectedOnly) };
            var report = new CommandOutput(parsed);
            if (parsed.GetValue(status))
            {
                PrintStatus(report, parsed.GetValue(store)!, options);
                return 0;
            }
            if (parsed.GetValue(model) is not { } policy || parsed.GetValue(data) is not { } questions || parsed.GetValue(output) is not { } path)
                throw new UsageException("rollout: give --model, --data, --store, --reasoner and --out, or --store and --status.");
            sampling.Check(parsed);
            reasoner.Check(parsed);
            OutputPlace.RequireFolder(parsed.GetValue(store)!);
            OutputPlace.RequireFile(path);
            // The model first: a store is only begun for one that can be read.
            var session = ModelSession.Open(parsed, policy);
            try
            {
                session.RequireTokenizer();
                using var opened = CaptionCommand.OpenStore(parsed.GetValue(store)!, questions);
                await CaptionCommand.Run(parsed, report, session, opened, sampling, options, cancellation);
                session.Dispose();
                await ReasonCommand.Run(parsed, report, opened, reasoner, options, cancellation);
                RewardCommand.Run(report, opened, policy, options, path, cancellation);
            }
            finally
            {
                session.Dispose();
            }
            return 0;
        });
        return command;
    }

    private static void PrintStatus(CommandOutput output, string folder, RolloutOptions options)
    {
        using var store = RolloutStore.OpenForReading(folder);
        var status = StoreStatus.Of(store, options.WithNumbersOf(store));
        output.Line($"{folder}: {status.Questions} questions, captions {status.Captions} of {status.AllCaptions}, answers {status.Answers} of {status.AllAnswers}");
        output.Json(json =>
        {
            json.WriteNumber("questions", status.Questions);
            json.WriteNumber("captions", status.Captions);
            json.WriteNumber("captions_total", status.AllCaptions);
            json.WriteNumber("answers", status.Answers);
            json.WriteNumber("answers_total", status.AllAnswers);
        });
    }
}
