using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Sophia.Native.Pipeline;
using Sophia.Native.Pipeline.Quickstart;
using Sophia.Native.Pipeline.Quickstart.Report;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia quickstart</c>: the whole algorithm on rendered visual arithmetic.</summary>
internal static class QuickstartCommand
{
    private const string Base = "base";

    public static Command Create()
    {
        var output = new Option<string>("--out") { Description = "folder for report.html, metrics, trajectories and checkpoints", DefaultValueFactory = _ => "quickstart-out" };
        var arms = new Option<string>("--arms") { Description = $"comma-separated arms of {Base}, {string.Join(", ", QuickstartArm.All.Select(arm => arm.Name))}; or all", DefaultValueFactory = _ => "base,full" };
        var seeds = new Option<int>("--seeds") { Description = "how many seeds to run, from --seed on", DefaultValueFactory = _ => 1 };
        var steps = new Option<int>("--update-steps") { Description = "steps of every arm's update", DefaultValueFactory = _ => new QuickstartSettings().UpdateSteps };
        var command = new Command("quickstart", "The whole algorithm in minutes: warm-up, captions, reasoning, rewards, selection, update, evaluation.") { output, arms, seeds, steps };
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(parsed, parsed.GetValue(output)!, parsed.GetValue(arms)!, parsed.GetValue(seeds), parsed.GetValue(steps), cancellation)));
        return command;
    }

    private static int Run(ParseResult parsed, string folder, string armNames, int seeds, int steps, CancellationToken cancellation)
    {
        if (seeds is < 1 or > 1000)
            throw new UsageException($"--seeds: expected 1 to 1000, found {seeds}.");
        if (steps is < 1 or > 100_000)
            throw new UsageException($"--update-steps: expected 1 to 100000, found {steps}.");
        var arms = ParseArms(armNames);
        OutputPlace.RequireFolder(folder);
        var output = new CommandOutput(parsed);
        if (seeds > 1)
            QuickstartRun.RequireOwnFolder(folder);
        using var backend = ModelSession.OpenBackend(parsed);
        output.Note(backend.Description);
        var outcomes = new List<QuickstartOutcome>();
        for (var i = 0; i < seeds; i++)
        {
            var settings = new QuickstartSettings { Seed = SharedOptions.SeedOf(parsed) + (ulong)i, Storage = SharedOptions.StorageOf(parsed), UpdateSteps = steps };
            var seedFolder = seeds == 1 ? folder : Path.Combine(folder, $"seed-{settings.Seed}");
            using var run = new QuickstartRun(backend, settings, seedFolder, output.Note);
            var outcome = run.Execute(arms, cancellation);
            outcomes.Add(outcome);
            Print(output, outcome);
            output.Note($"report: {Path.Combine(seedFolder, "report.html")}");
        }
        if (seeds > 1)
        {
            var comparison = new QuickstartComparison(outcomes);
            Print(output, comparison);
            comparison.WriteReport(Path.Combine(folder, "report.html"));
            output.Note($"report: {Path.Combine(folder, "report.html")}");
        }
        return 0;
    }

    private static List<QuickstartArm> ParseArms(string names)
    {
        if (names == "all")
            return [.. QuickstartArm.All];
        var arms = new List<QuickstartArm>();
        foreach (var name in names.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (name == Base)
                continue;
            var named = QuickstartArm.All.FirstOrDefault(arm => arm.Name == name)
                ?? throw new UsageException($"--arms: expected {Base}, {string.Join(", ", QuickstartArm.All.Select(arm => arm.Name))} or all, found '{name}'.");
            if (!arms.Contains(named))
                arms.Add(named);
        }
        return arms;
    }

    private static void Print(CommandOutput output, QuickstartOutcome outcome)
    {
        var comparison = new QuickstartComparison([outcome]);
        output.Line(string.Create(CultureInfo.InvariantCulture, $"\nseed {outcome.Seed}, {outcome.Minutes:0.0} minutes"));
        PrintArms(output, comparison);
        output.Json(json =>
        {
            json.WriteNumber("seed", outcome.Seed);
            WriteArms(json, comparison);
        });
    }

    /// <summary>All seeds as one table: the differences to the method on the same questions, each seed's, their mean with the error of the questions, and the error from their scatter.</summary>
    private static void Print(CommandOutput output, QuickstartComparison comparison)
    {
        output.Line(string.Create(CultureInfo.InvariantCulture, $"\nseeds {string.Join(", ", comparison.Seeds)}, {comparison.Minutes:0.0} minutes"));
        PrintArms(output, comparison);
        PrintDifferences(output, comparison, "sampled", arm => (arm.SampledDifferences, arm.SampledDifference, arm.SampledSeedError));
        PrintDifferences(output, comparison, "greedy", arm => (arm.GreedyDifferences, arm.GreedyDifference, arm.GreedySeedError));
        output.Json(json =>
        {
            json.WriteStartArray("seeds");
            foreach (var seed in comparison.Seeds)
                json.WriteNumberValue(seed);
            json.WriteEndArray();
            WriteArms(json, comparison);
        });
    }

    private static void PrintArms(CommandOutput output, QuickstartComparison comparison)
    {
        output.Line($"{"arm",-18}  {"sampled",-14}  {$"less {QuickstartArm.Method}",-16}  {"greedy",-14}  {"false statements",-16}  {"tokens",-13}  {"captions",-8}  {"pairs",-5}  minutes");
        foreach (var arm in comparison.Arms)
        {
            var result = arm.Pooled;
            var claims = result.SampledClaims.Total == 0 ? "-" : Percent(result.SampledClaims.WrongShare) + " / " + Percent(result.GreedyClaims.WrongShare);
            output.Line(string.Create(CultureInfo.InvariantCulture,
                $"{result.Name,-18}  {WithError(result.Sampled),-14}  {Signed(arm.SampledDifference),-16}  {WithError(result.Greedy),-14}  {claims,-16}  {result.SampledLength,5:0.0} / {result.GreedyLength,-5:0.0}  {result.Captions.Recall,-8:0.000}  {result.Data?.Pairs,5}  {result.Minutes,7:0.0}"));
        }
    }

    private static void PrintDifferences(CommandOutput output, QuickstartComparison comparison, string sampling, Func<ArmComparison, (IReadOnlyList<Estimate> Seeds, Estimate? Mean, double? SeedError)> differences)
    {
        if (comparison.Arms.All(arm => differences(arm).Seeds.Count == 0))
            return;
        output.Line($"\n{sampling}, less {QuickstartArm.Method} on the same questions, +- paired standard error; scatter: standard error of the mean from the seeds");
        output.Line($"{"arm",-18}  {string.Concat(comparison.Seeds.Select(seed => $"{$"seed {seed}",-18}"))}{"mean",-18}scatter");
        foreach (var arm in comparison.Arms)
        {
            var (seeds, mean, seedError) = differences(arm);
            if (seeds.Count > 0)
                output.Line(string.Create(CultureInfo.InvariantCulture, $"{arm.Pooled.Name,-18}  {string.Concat(seeds.Select(seed => $"{Signed(seed),-18}"))}{Signed(mean),-18}{seedError:0.000}"));
        }
    }

    private static void WriteArms(Utf8JsonWriter json, QuickstartComparison comparison)
    {
        json.WriteNumber("minutes", comparison.Minutes);
        json.WriteStartArray("arms");
        foreach (var arm in comparison.Arms)
            WriteArm(json, arm, comparison.Seeds);
        json.WriteEndArray();
    }

    private static void WriteArm(Utf8JsonWriter json, ArmComparison arm, IReadOnlyList<ulong> seeds)
    {
        var result = arm.Pooled;
        json.WriteStartObject();
        json.WriteString("name", result.Name);
        WriteEstimate(json, "sampled", result.Sampled);
        WriteEstimate(json, "greedy", result.Greedy);
        WriteDifferences(json, "sampled", seeds, arm.SampledDifferences, arm.SampledDifference, arm.SampledSeedError);
        WriteDifferences(json, "greedy", seeds, arm.GreedyDifferences, arm.GreedyDifference, arm.GreedySeedError);
        WriteShare(json, "sampled_false_statements", result.SampledClaims.WrongShare);
        WriteShare(json, "greedy_false_statements", result.GreedyClaims.WrongShare);
        json.WriteNumber("sampled_tokens", result.SampledLength);
        json.WriteNumber("greedy_tokens", result.GreedyLength);
        WriteShare(json, "caption_recall", result.Captions.Recall);
        if (result.Data is { } data)
        {
            json.WriteNumber("pairs", data.Pairs);
            json.WriteNumber("trajectories", data.Trajectories);
            json.WriteNumber("right_trajectories", data.RightTrajectories);
            json.WriteNumber("trained_captions", data.TrainedCaptions);
            json.WriteNumber("trajectory_tokens", data.MeanLength);
            WriteShare(json, "captions_whole_right", data.Captions.WholeShare);
            WriteShare(json, "captions_false_statements", data.Claims.WrongShare);
        }
        if (result.Update is { } update)
        {
            json.WriteNumber("sequences", update.Sequences);
            json.WriteNumber("tokens", update.Tokens);
            json.WriteNumber("epochs", update.Epochs);
            if (update.Ratios is { } ratios)
            {
                json.WriteNumber("ratio_p10", ratios.Low);
                json.WriteNumber("ratio_p50", ratios.Median);
                json.WriteNumber("ratio_p90", ratios.High);
                json.WriteNumber("clip_fraction", ratios.ClippedShare);
            }
        }
        json.WriteNumber("minutes", result.Minutes);
        json.WriteEndObject();
    }

    private static void WriteEstimate(Utf8JsonWriter json, string name, Estimate estimate)
    {
        json.WriteNumber(name, estimate.Value);
        json.WriteNumber(name + "_error", estimate.StandardError);
    }

    private static void WriteDifferences(Utf8JsonWriter json, string name, IReadOnlyList<ulong> seeds, IReadOnlyList<Estimate> differences, Estimate? mean, double? seedError)
    {
        if (mean is not { } pooled)
            return;
        WriteEstimate(json, name + "_difference", pooled);
        if (seedError is not { } scatter)
            return;
        json.WriteNumber(name + "_difference_seed_error", scatter);
        json.WriteStartArray(name + "_differences");
        for (var i = 0; i < seeds.Count; i++)
        {
            json.WriteStartObject();
            json.WriteNumber("seed", seeds[i]);
            WriteEstimate(json, "difference", differences[i]);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteShare(Utf8JsonWriter json, string name, double? share)
    {
        if (share is { } value)
            json.WriteNumber(name, value);
    }

    private static string WithError(Estimate estimate) => string.Create(CultureInfo.InvariantCulture, $"{estimate.Value:0.000} +- {estimate.StandardError:0.000}");

    private static string Signed(Estimate? difference) =>
        difference is { } estimate ? string.Create(CultureInfo.InvariantCulture, $"{estimate.Value:+0.000;-0.000;0.000} +- {estimate.StandardError:0.000}") : "-";

    private static string Percent(double? share) => share is { } value ? (value * 100).ToString("0.0", CultureInfo.InvariantCulture) + " %" : "-";
}
