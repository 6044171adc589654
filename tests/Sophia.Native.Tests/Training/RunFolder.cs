using System.Text.RegularExpressions;
using Sophia.Native.Models;
using Sophia.Native.Training.Recipes;
using Sophia.Native.Training.Runs;

namespace Sophia.Native.Tests.Training;

/// <summary>Runs a tiny training in a folder, and what is left in the folder afterwards.</summary>
internal static partial class RunFolder
{
    /// <summary>Ten steps of three sequences with a checkpoint every two.</summary>
    public static readonly Recipe Recipe = new()
    {
        Ratio = Native.Objectives.ImportanceRatio.One, Steps = 10, BatchSequences = 3, MicroBatchTokens = 48, CheckpointEvery = 2, LearningRate = 1e-2, Freeze = [],
        Schedule = new(Native.Training.ScheduleShape.Cosine, 2, 0.25),
    };

    public static string Execute(string folder, Recipe recipe, IReadOnlyList<Sample> samples, bool resume = false, ulong seed = 0, Action<TrainingProgress>? progress = null,
        Action<string>? notice = null, Action<TinyModel>? prepare = null, CancellationTokenSource? interruption = null, int threads = 1, ElementType storage = ElementType.Float32, Func<int, CancellationToken, IReadOnlyList<KeyValuePair<string, double>>>? evaluate = null) =>
        Execute(folder, recipe, [new SampleSource("samples", samples, 1)], resume, seed, progress, notice, prepare, interruption, threads, storage, evaluate);

    public static string Execute(string folder, Recipe recipe, IReadOnlyList<SampleSource> sources, bool resume = false, ulong seed = 0, Action<TrainingProgress>? progress = null,
        Action<string>? notice = null, Action<TinyModel>? prepare = null, CancellationTokenSource? interruption = null, int threads = 1, ElementType storage = ElementType.Float32,
        Func<int, CancellationToken, IReadOnlyList<KeyValuePair<string, double>>>? evaluate = null)
    {
        using var tiny = new TinyModel([.. recipe.TrainedGroups], threads: threads, storage: storage, adapter: recipe.Adapter?.Resolve(TinyModel.Config, recipe.Freeze));
        prepare?.Invoke(tiny);
        return new TrainingRun(tiny.Model, recipe, sources, new() { OutputFolder = folder, Resume = resume, Seed = seed, Progress = progress, Notice = notice, Evaluate = evaluate })
            .Execute(interruption?.Token ?? TestContext.Current.CancellationToken);
    }

    public static string Checkpoints(string folder) => Path.Combine(folder, "checkpoints");

    /// <summary>The lines of metrics.jsonl without their seconds, which no two runs share.</summary>
    public static string[] Metrics(string folder) => [.. File.ReadAllLines(Path.Combine(folder, "metrics.jsonl")).Select(line => Seconds().Replace(line, ""))];

    /// <summary>Fails unless both runs ended with the same bytes.</summary>
    public static void SameEnd(string expected, string found)
    {
        Assert.Equal(Metrics(expected), Metrics(found));
        var last = Directory.GetDirectories(Checkpoints(expected)).Order(StringComparer.Ordinal).Last();
        var same = Path.Combine(Checkpoints(found), Path.GetFileName(last));
        Assert.Equal(Directory.GetFiles(last).Select(Path.GetFileName).Order(), Directory.GetFiles(same).Select(Path.GetFileName).Order());
        foreach (var file in Directory.GetFiles(last))
            Assert.True(File.ReadAllBytes(file).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(same, Path.GetFileName(file)))), $"{Path.GetFileName(file)} differs.");
        Assert.Empty(Directory.GetDirectories(Checkpoints(found), ".*"));
        Assert.Empty(Directory.GetFiles(found, ".*"));
    }

    [GeneratedRegex("\"seconds\":[^,]+,")]
    private static partial Regex Seconds();
}
