using System.Globalization;
using System.Text;

namespace Sophia.Native.Cuda.Mutations;

/// <summary>
/// The process that runs the tests: one line in for each mutant (folder of the sources, operations), one line out (how many tests ran, the first failure). The parent ends it when it hangs and starts another when it dies.
/// </summary>
internal static class Worker
{
    public static int Run()
    {
        // What tests and libraries print must not come between the answers.
        using var answers = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) { AutoFlush = true };
        Console.SetOut(Console.Error);
        while (Console.In.ReadLine() is { } line)
        {
            var parts = line.Split('\t');
            Environment.SetEnvironmentVariable("SOPHIA_CUDA_KERNELS", parts[0]);
            Environment.SetEnvironmentVariable("SOPHIA_CUDA_CACHE", Path.Combine(parts[0], "cache"));
            var (count, failure) = Guarded(() => new TestSequence(parts[1].Split(',')).Run());
            answers.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count}\t{failure?.ReplaceLineEndings(" ")}"));
        }
        return 0;
    }

    /// <summary>A backend that cannot even be opened or closed is a failure too.</summary>
    private static (int Count, string? Failure) Guarded(Func<(int, string?)> run)
    {
        try
        {
            return run();
        }
        catch (Exception fault)
        {
            return (0, fault.Message);
        }
    }
}
