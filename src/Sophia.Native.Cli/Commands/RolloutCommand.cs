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
        var status = new Option<bool>("--status") { Description = "say how far the store is, and do nothing" };
        var (captions, answers, alpha, keep) = (RolloutFlags.Captions(), RolloutFlags.Answers(), RolloutFlags.Alpha(), RolloutFlags.Keep());
        var (select, shard) = (RolloutFlags.Select(), RolloutFlags.Shard());
        var command = new Command("rollout", "Captions, answers and rewards in a row; resumable.") { model, data, store, output, status, captions, answers, alpha, keep, select, shard };
        var sampling = new SamplingFlags(command, 1f, 2048);
        var reasoner = new ReasonerFlags(command, isRequired: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            var options = new RolloutOptions
            {
                Captions = parsed.GetValue(captions),
                Answers = parsed.GetValue(answers),
                Alpha = parsed.GetValue(alpha),
                Keep = parsed.GetValue(keep),
                Mode = RolloutFlags.Mode(parsed.GetValue(select)!),
                Seed = (uint)SharedOptions.SeedOf(parsed),
                Shard = Shard.Parse(parsed.GetValue(shard)!),
            };
            if (parsed.GetValue(status))
            {
                PrintStatus(new(parsed), parsed.GetValue(store)!, options);
                return 0;
            }
            if (parsed.GetValue(model) is not { } policy || parsed.GetValue(data) is not { } questions || parsed.GetValue(output) is not { } path)
                throw new UsageException("rollout: give --model, --data, --store, --reasoner and --out, or --store and --status.");
            using var opened = CaptionCommand.OpenStore(parsed.GetValue(store)!, questions);
            using (var session = ModelSession.Open(parsed, policy))
                await CaptionCommand.Run(parsed, session, opened, sampling, options, cancellation);
            await ReasonCommand.Run(parsed, opened, reasoner, options, cancellation);
            RewardCommand.Run(new(parsed), opened, policy, options, path, cancellation);
            return 0;
        });
        return command;
    }

    private static void PrintStatus(CommandOutput output, string folder, RolloutOptions options)
    {
        using var store = RolloutStore.OpenForReading(folder);
        var numbers = options.WithNumbersOf(store);
        var (captions, answers) = (0L, 0L);
        for (var question = 0; question < store.Questions.Count; question++)
        {
            for (var k = 0; k < numbers.Captions; k++)
            {
                captions += store.HasCaption(question, k) ? 1 : 0;
                for (var n = 0; n < numbers.Answers; n++)
                    answers += store.HasAnswer(question, k, n) ? 1 : 0;
            }
        }
        long all = (long)store.Questions.Count * numbers.Captions;
        output.Line($"{folder}: {store.Questions.Count} questions, captions {captions} of {all}, answers {answers} of {all * numbers.Answers}");
        output.Json(json =>
        {
            json.WriteNumber("questions", store.Questions.Count);
            json.WriteNumber("captions", captions);
            json.WriteNumber("answers", answers);
        });
    }
}
