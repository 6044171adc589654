using System.CommandLine;
using System.Text.Json;
using Sophia.Native.Pipeline.Rollouts;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia rollout</c>: the three stages in a row; called again it goes on where it stopped.</summary>
internal static class RolloutCommand
{
    public static Command Create()
    {
        var model = new Option<string?>("--model") { Description = "checkpoint folder of the policy" };
        var adapter = AdapterFlag.Create();
        var data = new Option<string?>("--data") { Description = "questions" };
        var store = new Option<string>("--store") { Description = "folder of the store", Required = true };
        var output = new Option<string?>("--out") { Description = "file of trajectories" };
        var selectedOnly = new Option<bool>("--selected-only") { Description = "write selected trajectories alone" };
        var status = new Option<bool>("--status") { Description = "say how far the store is, and do nothing" };
        var round = new RoundFlags { Captions = true, Answers = true, Selection = true };
        var command = new Command("rollout", "Captions, answers and rewards in a row; resumable.") { model, adapter, data, store, output, selectedOnly, status };
        round.AddTo(command);
        var sampling = new SamplingFlags(command, 1f, 2048);
        var reasoner = new ReasonerFlags(command, isRequired: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            var options = round.Options(parsed) with { WriteUnselected = !parsed.GetValue(selectedOnly) };
            var report = new CommandOutput(parsed);
            if (parsed.GetValue(status))
            {
                PrintStatus(report, parsed.GetValue(store)!, options, round.GivesCaptions(parsed), round.GivesAnswers(parsed));
                return 0;
            }
            if (parsed.GetValue(model) is not { } policy || parsed.GetValue(data) is not { } questions || parsed.GetValue(output) is not { } path)
                throw new UsageException("rollout: give --model, --data, --store, --reasoner and --out, or --store and --status.");
            sampling.Check(parsed);
            reasoner.Check(parsed);
            OutputPlace.RequireFolder(parsed.GetValue(store)!);
            OutputPlace.RequireFile(path);
            // The model first: a store is only begun for one that can be read.
            var session = ModelSession.Open(parsed, policy, parsed.GetValue(adapter));
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

    /// <summary>K and N are settled when their stages begin. Until then they are what the command line says, and open where it says nothing.</summary>
    private static void PrintStatus(CommandOutput output, string folder, RolloutOptions options, bool areCaptionsGiven, bool areAnswersGiven)
    {
        using var store = RolloutStore.OpenForReading(folder);
        var status = StoreStatus.Of(store, options.WithNumbersOf(store));
        var isReasoning = store.OptionsOf("reason") is not null;
        long? allCaptions = areCaptionsGiven || isReasoning || store.OptionsOf("caption") is not null ? status.AllCaptions : null;
        long? allAnswers = allCaptions is not null && (areAnswersGiven || isReasoning) ? status.AllAnswers : null;
        output.Line($"{folder}: {status.Questions} questions, captions {Describe(status.Captions, allCaptions)}, answers {Describe(status.Answers, allAnswers)}");
        output.Json(json =>
        {
            json.WriteNumber("questions", status.Questions);
            json.WriteNumber("captions", status.Captions);
            WriteTotal(json, "captions_total", allCaptions);
            json.WriteNumber("answers", status.Answers);
            WriteTotal(json, "answers_total", allAnswers);
        });
    }

    private static string Describe(long done, long? all) => all is null ? "not begun" : $"{done} of {all}";

    private static void WriteTotal(Utf8JsonWriter json, string name, long? total)
    {
        if (total is { } number)
            json.WriteNumber(name, number);
        else
            json.WriteNull(name);
    }
}
