using System.CommandLine;
using System.Globalization;
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
        var command = new Command("quickstart", "The whole algorithm in minutes: warm-up, captions, reasoning, rewards, selection, update, evaluation.") { output, arms, seeds };
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(parsed, parsed.GetValue(output)!, parsed.GetValue(arms)!, parsed.GetValue(seeds), cancellation)));
        return command;
    }

    private static int Run(ParseResult parsed, string folder, string armNames, int seeds, CancellationToken cancellation)
    {
        if (seeds is < 1 or > 1000)
            throw new UsageException($"--seeds: expected 1 to 1000, found {seeds}.");
        var arms = ParseArms(armNames);
        OutputPlace.RequireFolder(folder);
        var output = new CommandOutput(parsed);
        using var backend = ModelSession.OpenBackend(parsed);
        output.Note(backend.Description);
        for (var i = 0; i < seeds; i++)
        {
            var settings = new QuickstartSettings { Seed = SharedOptions.SeedOf(parsed) + (ulong)i, Storage = SharedOptions.StorageOf(parsed) };
            var seedFolder = seeds == 1 ? folder : Path.Combine(folder, $"seed-{settings.Seed}");
            using var run = new QuickstartRun(backend, settings, seedFolder, output.Note);
            var outcome = run.Execute(arms, cancellation);
            Print(output, outcome, settings.Seed);
            output.Note($"report: {Path.Combine(seedFolder, "report.html")}");
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
            arms.Add(QuickstartArm.All.FirstOrDefault(arm => arm.Name == name)
                ?? throw new UsageException($"--arms: expected {Base}, {string.Join(", ", QuickstartArm.All.Select(arm => arm.Name))} or all, found '{name}'."));
        }
        return arms;
    }

    private static void Print(CommandOutput output, QuickstartOutcome outcome, ulong seed)
    {
        output.Line(string.Create(CultureInfo.InvariantCulture, $"\nseed {seed}, {outcome.Minutes:0.0} minutes"));
        output.Line($"{"arm",-18}  {"sampled",-14}  {"greedy",-14}  {"false statements",-16}  {"tokens",-13}  {"captions",-8}  pairs");
        foreach (var arm in outcome.Arms)
        {
            var claims = arm.SampledClaims.Total == 0 ? "-" : Percent(arm.SampledClaims.WrongShare) + " / " + Percent(arm.GreedyClaims.WrongShare);
            output.Line(string.Create(CultureInfo.InvariantCulture,
                $"{arm.Name,-18}  {arm.Sampled.Value:0.000} +- {arm.Sampled.StandardError:0.000}  {arm.Greedy.Value:0.000} +- {arm.Greedy.StandardError:0.000}  {claims,-16}  {arm.SampledLength,5:0.0} / {arm.GreedyLength,-5:0.0}  {arm.Captions.Recall,-8:0.000}  {arm.Data?.Pairs}"));
        }
        output.Json(json =>
        {
            json.WriteNumber("seed", seed);
            json.WriteNumber("minutes", outcome.Minutes);
            json.WriteStartArray("arms");
            foreach (var arm in outcome.Arms)
            {
                json.WriteStartObject();
                json.WriteString("name", arm.Name);
                json.WriteNumber("sampled", arm.Sampled.Value);
                json.WriteNumber("sampled_error", arm.Sampled.StandardError);
                json.WriteNumber("greedy", arm.Greedy.Value);
                json.WriteNumber("greedy_error", arm.Greedy.StandardError);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
    }

    private static string Percent(double? share) => share is { } value ? (value * 100).ToString("0.0", CultureInfo.InvariantCulture) + " %" : "-";
}
