using System.CommandLine;
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
        var (alpha, keep, select, shard) = (RolloutFlags.Alpha(), RolloutFlags.Keep(), RolloutFlags.Select(), RolloutFlags.Shard());
        var command = new Command("reward", "Stage 3: verifies, propagates, gates and selects; writes trajectories.") { store, tokenizer, output, selectedOnly, alpha, keep, select, shard };
        command.SetAction((parsed, cancellation) =>
        {
            using var opened = RolloutStore.OpenForReading(parsed.GetValue(store)!);
            var options = new RolloutOptions
            {
                Alpha = parsed.GetValue(alpha),
                Keep = parsed.GetValue(keep),
                Mode = RolloutFlags.Mode(parsed.GetValue(select)!),
                Seed = (uint)SharedOptions.SeedOf(parsed),
                Shard = Shard.Parse(parsed.GetValue(shard)!),
                WriteUnselected = !parsed.GetValue(selectedOnly),
            };
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
            countTokens = System.Text.Encoding.UTF8.GetByteCount;
        }
        else
        {
            var tokenizer = Qwen2Tokenizer.LoadWithInternVLTokens(tokenizerFolder);
            countTokens = text => tokenizer.Encode(text, splitAddedTokens: false).Length + 1;
        }
        RolloutSummary summary;
        if (path is null)
        {
            using var stdout = new BufferedStream(Console.OpenStandardOutput());
            summary = RolloutStages.Reward(store, countTokens, options, stdout, Directory.GetCurrentDirectory(), cancellation: cancellation);
        }
        else
        {
            summary = RolloutStages.Reward(store, countTokens, options, path, cancellation: cancellation);
        }
        RolloutFlags.Print(output, summary, path);
    }
}
