using System.Globalization;
using System.Text.RegularExpressions;

namespace Sophia.Native.Cuda.Compilation;

/// <summary>What ptxas says of one kernel.</summary>
/// <param name="Name">The kernel.</param>
/// <param name="Registers">Registers of a thread.</param>
/// <param name="SharedBytes">Static shared memory of a block.</param>
/// <param name="SpillBytes">Bytes of spilled registers that are stored and loaded.</param>
/// <param name="StackBytes">Bytes of a thread's stack frame.</param>
internal sealed partial record CompilerReport(string Name, int Registers, int SharedBytes, int SpillBytes, int StackBytes)
{
    /// <summary>Reads the log of a compilation with --ptxas-options=-v.</summary>
    public static List<CompilerReport> Parse(string log)
    {
        var reports = new List<CompilerReport>();
        string? name = null;
        var (spills, stack) = (0, 0);
        foreach (var line in log.Split('\n'))
        {
            if (EntryLine().Match(line) is { Success: true } entry)
                name = entry.Groups[1].Value;
            else if (SpillLine().Match(line) is { Success: true } spill)
                (stack, spills) = (Number(spill, 1), Number(spill, 2) + Number(spill, 3));
            else if (name is not null && RegisterLine().Match(line) is { Success: true } used)
            {
                reports.Add(new(name, Number(used, 1), SharedLine().Match(line) is { Success: true } shared ? Number(shared, 1) : 0, spills, stack));
                (name, spills, stack) = (null, 0, 0);
            }
        }
        return reports;
    }

    /// <summary>The log in one line.</summary>
    public static string Summarize(string log)
    {
        var reports = Parse(log);
        return reports.Count == 0 ? "compiled"
            : $"{reports.Count} {(reports.Count == 1 ? "kernel" : "kernels")}, at most {reports.Max(report => report.Registers)} registers, "
              + $"{reports.Max(report => report.SharedBytes)} bytes of static shared memory, {reports.Sum(report => report.SpillBytes)} bytes spilled";
    }

    private static int Number(Match match, int group) => int.Parse(match.Groups[group].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"Compiling entry function '(\w+)'")]
    private static partial Regex EntryLine();

    [GeneratedRegex(@"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")]
    private static partial Regex SpillLine();

    [GeneratedRegex(@"Used (\d+) registers")]
    private static partial Regex RegisterLine();

    [GeneratedRegex(@"(\d+) bytes smem")]
    private static partial Regex SharedLine();
}
