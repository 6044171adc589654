using System.Collections.Concurrent;

namespace Sophia.Native.Cuda.Mutations;

/// <summary>Runs mutants, several at a time, and says what became of each.</summary>
/// <param name="kernels">The sources.</param>
/// <param name="table">The reasons that are known.</param>
/// <param name="judged">What an earlier run, which did not come to its end, has found out.</param>
internal sealed class MutationRun(KernelFolder kernels, MutationTable table, JudgedMutants judged)
{
    private static readonly TimeSpan LongestBaseline = TimeSpan.FromMinutes(20);

    /// <summary>After how long a mutant of a sample is taken to hang.</summary>
    private static readonly TimeSpan SampleLimit = TimeSpan.FromMinutes(10);

    /// <summary>Runs them.</summary>
    /// <param name="mutants">Which.</param>
    /// <param name="jobs">Processes at a time.</param>
    /// <param name="path">The table that is written, or null.</param>
    /// <param name="measuresBaselines">Whether the unchanged kernels are run first; a sample trusts the conformance tests that ran before it.</param>
    /// <returns>Whether every mutant was caught or has its reason.</returns>
    public bool Run(IReadOnlyList<Mutant> mutants, int jobs, string? path, bool measuresBaselines)
    {
        var temporary = Directory.CreateTempSubdirectory("sophia-mutations-").FullName;
        try
        {
            var limits = measuresBaselines ? Baselines(temporary, mutants.Where(mutant => judged.Find(mutant.Name) is null), jobs) : null;
            var outcomes = new ConcurrentDictionary<Mutant, Outcome>();
            foreach (var mutant in mutants)
            {
                if (judged.Find(mutant.Name) is { } known)
                    outcomes[mutant] = known;
            }
            ForEach(temporary, mutants.Where(mutant => !outcomes.ContainsKey(mutant)).Index().ToArray(), jobs, (worker, numbered) =>
            {
                var (number, mutant) = numbered;
                var folder = Path.Combine(temporary, $"mutant-{number}");
                kernels.Write(folder, mutant);
                var files = kernels.KernelFilesOf(mutant.File).ToArray();
                var outcome = outcomes[mutant] = worker.Run(folder, kernels.OperationsOf(files), limits is null ? SampleLimit : TimeSpan.FromSeconds(30) + (3 * files.Aggregate(TimeSpan.Zero, (sum, file) => sum + limits[file])));
                judged.Add(mutant.Name, outcome);
                Directory.Delete(folder, recursive: true);
                var verdict = outcome.IsCaught ? $"caught by {outcome.Detector}: {outcome.Message}" : table.Reasons.TryGetValue(mutant.Name, out var reason) ? $"explained: {reason}" : "SURVIVED";
                Console.WriteLine($"[{outcomes.Count}/{mutants.Count}, {outcome.Duration.TotalSeconds:F0} s] {mutant.Name}: {verdict}");
            });
            var results = mutants.Select(mutant => (mutant, outcomes[mutant])).ToList();
            if (path is not null)
                table.Write(path, results, DateTime.UtcNow);
            var survivors = results.Where(result => !result.Item2.IsCaught && !table.Reasons.ContainsKey(result.mutant.Name)).Select(result => result.mutant.Name).ToList();
            foreach (var survivor in survivors)
                Console.WriteLine($"survived: {survivor}");
            Console.WriteLine($"{mutants.Count} mutants: {results.Count(result => result.Item2.IsCaught)} caught, {results.Count(result => !result.Item2.IsCaught) - survivors.Count} explained, {survivors.Count} survived");
            return survivors.Count == 0;
        }
        finally
        {
            Directory.Delete(temporary, recursive: true);
        }
    }

    /// <summary>The unchanged sources of each kernel file must pass; how long they take tells when a mutant hangs.</summary>
    private Dictionary<string, TimeSpan> Baselines(string temporary, IEnumerable<Mutant> mutants, int jobs)
    {
        var unchanged = Path.Combine(temporary, "unchanged");
        kernels.Write(unchanged, null);
        var durations = new ConcurrentDictionary<string, TimeSpan>();
        var files = mutants.Select(mutant => mutant.File).Distinct().SelectMany(kernels.KernelFilesOf).Distinct().ToArray();
        foreach (var file in files)
        {
            if (judged.Find(NameOfUnchanged(file)) is { } known)
                durations[file] = known.Duration;
        }
        ForEach(temporary, files.Where(file => !durations.ContainsKey(file)).ToArray(), jobs, (worker, file) =>
        {
            var outcome = worker.Run(unchanged, kernels.OperationsOf([file]), LongestBaseline);
            if (outcome.IsCaught)
                throw new InvalidOperationException($"The unchanged kernels fail in the operations of {file}: {outcome.Message}");
            judged.Add(NameOfUnchanged(file), outcome);
            durations[file] = outcome.Duration;
            Console.WriteLine($"{file}: the unchanged kernels pass in {outcome.Duration.TotalSeconds:F0} s");
        });
        return new(durations);
    }

    private static string NameOfUnchanged(string file) => $"{file} | unchanged";

    /// <summary>Hands items to workers, each with its own cache of what the emulator compiled.</summary>
    private static void ForEach<T>(string temporary, IReadOnlyList<T> items, int jobs, Action<WorkerProcess, T> act)
    {
        var next = -1;
        Parallel.For(0, jobs, new ParallelOptions { MaxDegreeOfParallelism = jobs }, job =>
        {
            using var worker = new WorkerProcess(Path.Combine(temporary, $"cache-{job}"));
            while (Interlocked.Increment(ref next) is var index && index < items.Count)
                act(worker, items[index]);
        });
    }
}
