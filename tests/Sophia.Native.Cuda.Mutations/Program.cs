using System.Diagnostics;
using System.Globalization;
using Sophia.Native.Cuda.Mutations;

const string Usage = """
    Breaks the kernels one place at a time and sees whether the tests on the emulator notice.

      list [FILE...]         all mutants (of these files of kernels/)
      run --all              every mutant; writes tests/emulator/mutations.md (what was judged is kept in artifacts/mutations: a run that was ended goes on)
      run --sample COUNT     a sample that is another one for every commit
      run FILE...            every mutant of these files
        --jobs COUNT         processes at a time; the number of processors unless given
        --seed NUMBER        the sample's seed

    The exit status is 1 when a mutant survives whose reason is not in the table.
    """;

if (args is ["worker"])
    return Worker.Run();
var repository = FindRepository();
var kernels = new KernelFolder(Path.Combine(repository, "kernels"));
var mutants = kernels.Mutants();
var (files, all, sample, jobs, seed) = (new List<string>(), false, 0, Environment.ProcessorCount, Seed());
if (args.Length == 0 || args[0] is not ("list" or "run"))
{
    Console.WriteLine(Usage);
    return args is ["--help"] or ["-h"] ? 0 : 2;
}
for (var i = 1; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--all":
            all = true;
            break;
        case "--sample" when i + 1 < args.Length:
            sample = int.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        case "--jobs" when i + 1 < args.Length:
            jobs = int.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        case "--seed" when i + 1 < args.Length:
            seed = int.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        default:
            files.Add(args[i]);
            break;
    }
}
if (files.Find(file => mutants.TrueForAll(mutant => mutant.File != file)) is { } unknown)
{
    Console.Error.WriteLine($"{unknown} is no file of kernels/ with something to break.");
    return 2;
}
if (files.Count > 0)
    mutants.RemoveAll(mutant => !files.Contains(mutant.File));
if (args[0] == "list")
{
    foreach (var mutant in mutants)
        Console.WriteLine(mutant.Name);
    Console.WriteLine($"{mutants.Count} mutants");
    return 0;
}
if (!all && sample == 0 && files.Count == 0)
{
    Console.WriteLine(Usage);
    return 2;
}
var path = Path.Combine(repository, "tests", "emulator", "mutations.md");
var table = MutationTable.Read(path);
if (sample > 0)
{
    // Those with a reason would survive again.
    mutants.RemoveAll(mutant => table.Reasons.ContainsKey(mutant.Name));
    var chosen = mutants.ToArray();
    new Random(seed).Shuffle(chosen);
    mutants = [.. chosen.Take(sample)];
    Console.WriteLine($"{mutants.Count} mutants, seed {seed}");
}
return new MutationRun(kernels, table, all ? JudgedMutants.Open(Path.Combine(repository, "artifacts", "mutations"), kernels) : JudgedMutants.None).Run(mutants, jobs, all ? path : null, measuresBaselines: sample == 0) ? 0 : 1;

// The commit, so that every run on it takes the same sample; where there is no git, the day.
static int Seed()
{
    try
    {
        using var git = Process.Start(new ProcessStartInfo("git", ["rev-parse", "--short=7", "HEAD"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var commit = git.StandardOutput.ReadToEnd().Trim();
        git.WaitForExit();
        if (git.ExitCode == 0)
            return int.Parse(commit.AsSpan(0, 7), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
    catch (System.ComponentModel.Win32Exception)
    {
    }
    return (int)(DateTime.UtcNow - DateTime.UnixEpoch).TotalDays;
}

static string FindRepository()
{
    for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
    {
        if (File.Exists(Path.Combine(at.FullName, "Sophia.Native.sln")))
            return at.FullName;
    }
    throw new InvalidOperationException("The repository was not found above the program.");
}
