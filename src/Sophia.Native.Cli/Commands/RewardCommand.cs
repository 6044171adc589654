using System.CommandLine;
using System.Text;
using Sophia.Native.Data.Tokenization;
using Sophia.Native.Pipeline.Rollouts;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia reward</c>: stage 3, verify, propagate, gate, select; writes trajectories.</summary>
internal static class RewardCommand
{
    public static Command Create()
    {
        var store = new Option<string>("--store") { Description = "folder of the store", Required = true };
        var tokenizer = new Option<string?>("--tokenizer") { Description = "the policy's tokenizer, which counts lengths; without it UTF-8 bytes are counted, and said so" };
        var output = new Option<string?>("--out") { Description = "file of trajectories; stdout without it" };
        var selectedOnly = new Option<bool>("--selected-only") { Description = "write selected trajectories alone" };
        var round = new RoundFlags { Selection = true };
        var command = new Command("reward", "Stage 3: verifies, propagates, gates and selects; writes trajectories.") { store, tokenizer, output, selectedOnly };
        round.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            var options = round.Options(parsed) with { WriteUnselected = !parsed.GetValue(selectedOnly) };
            OutputPlace.RequireFile(parsed.GetValue(output));
            using var opened = RolloutStore.OpenForReading(parsed.GetValue(store)!);
            Run(new(parsed), opened, parsed.GetValue(tokenizer), options.WithNumbersOf(opened), parsed.GetValue(output), cancellation);
            return Task.FromResult(0);
        });
        return command;
    }

    public static void Run(CommandOutput output, RolloutStore store, string? tokenizerFolder, RolloutOptions options, string? path, CancellationToken cancellation)
    {
        Func<string, int> countTokens;
        if (tokenizerFolder is null)
        {
            output.Note("reward: no --tokenizer: lengths are counted in UTF-8 bytes.");
            countTokens = Encoding.UTF8.GetByteCount;
        }
        else
        {
            var tokenizer = TokenizerFolder.LoadWithInternVLTokens(tokenizerFolder);
            countTokens = text => tokenizer.Encode(text, splitAddedTokens: false).Length + 1;
        }
        RolloutSummary summary;
        if (path is null)
        {
            using var stdout = output.OpenOutput();
            summary = RolloutStages.Reward(store, countTokens, options, stdout, Directory.GetCurrentDirectory(), new StageProgress(output), cancellation);
        }
        else
        {
            summary = RolloutStages.Reward(store, countTokens, options, path, new StageProgress(output), cancellation);
        }
        Print(output, summary, path);
    }

    private static void Print(CommandOutput output, RolloutSummary summary, string? path)
    {
        output.Note(FormattableString.Invariant(
            $"pairs {summary.Pairs} ({summary.IncompletePairs} incomplete), mean reward {summary.MeanReward:0.000}, captions passing {summary.CaptionsPassing:P1}, pairs kept {summary.PairsKept:P1}, with any right answer {summary.PairsWithAnyRight:P1}, truncated {summary.Truncated:P1}, selected {summary.Selected} of {summary.MeanSelectedLength:0.0} tokens{(path is null ? "" : $"; {path}")}"));
        if (summary.Pairs == 0)
            output.Note("reward: no pair has all its captions and answers yet: finish 'sophia caption' and 'sophia reason'.");
        if (path is null)
            return;
        output.Json(json =>
        {
            json.WriteNumber("pairs", summary.Pairs);
            json.WriteNumber("incomplete_pairs", summary.IncompletePairs);
            json.WriteNumber("mean_reward", summary.MeanReward);
            json.WriteNumber("captions_passing", summary.CaptionsPassing);
            json.WriteNumber("pairs_kept", summary.PairsKept);
            json.WriteNumber("pairs_with_any_right", summary.PairsWithAnyRight);
            json.WriteNumber("truncated", summary.Truncated);
            json.WriteNumber("selected", summary.Selected);
            json.WriteNumber("mean_selected_length", summary.MeanSelectedLength);
        });
    }
}
