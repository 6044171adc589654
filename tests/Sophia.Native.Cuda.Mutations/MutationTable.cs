using System.Globalization;
using System.Text;

namespace Sophia.Native.Cuda.Mutations;

/// <summary>tests/emulator/mutations.md: every mutant with what caught it, and the reasons why those that survive are no faults.</summary>
internal sealed class MutationTable
{
    private const string SurvivorsTitle = "## Survivors, and why no test tells them from the kernel";
    private const string Columns = "| file | function | change | line | place |";
    private const string Unexplained = "**not explained**";

    private readonly Dictionary<string, string> _reasons = [];

    /// <summary>The reasons a person wrote, by the mutant's name.</summary>
    public IReadOnlyDictionary<string, string> Reasons => _reasons;

    /// <summary>Reads the reasons of a table; an absent file has none.</summary>
    public static MutationTable Read(string path)
    {
        var table = new MutationTable();
        if (!File.Exists(path))
            return table;
        var inSurvivors = false;
        foreach (var line in File.ReadLines(path))
        {
            if (line.StartsWith("## ", StringComparison.Ordinal))
                inSurvivors = line == SurvivorsTitle;
            if (!inSurvivors || !line.StartsWith("| ", StringComparison.Ordinal) || line.StartsWith(Columns, StringComparison.Ordinal))
                continue;
            var cells = line[2..].TrimEnd('|', ' ').Replace("\\|", "\0", StringComparison.Ordinal).Split(" | ").Select(cell => cell.Replace("\0", "|", StringComparison.Ordinal)).ToArray();
            if (cells.Length == 6 && cells[5] != Unexplained)
                table._reasons[string.Join(" | ", cells[..5])] = cells[5];
        }
        return table;
    }

    /// <summary>Writes the table of a full run.</summary>
    public void Write(string path, IReadOnlyList<(Mutant Mutant, Outcome Outcome)> results, DateTime date)
    {
        var text = new StringBuilder();
        text.AppendLine("# Mutations of the kernels");
        text.AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"The full run of {date:yyyy-MM-dd}: every barrier left out, every bound shifted by one, every wait for copies made one group shorter, one at a time, and the tests of the file's operations run on the emulator: those of its checked devices, then the large shapes on the fast one.");
        text.AppendLine("A mutant that nothing notices changes nothing, or nothing that a test can reach, with its reason below; otherwise it is a gap in the tests. Not generated: the smaller or larger of two numbers (equal where they are equal), comparisons with a");
        text.AppendLine("floating-point literal (no bounds), waits with a smaller count (they only wait longer). `portable.cuh`, `math.cuh` and `philox.cuh` have no barriers and no bounds of their own to shift.");
        text.AppendLine();
        text.AppendLine("`dotnet run -c Release --project tests/Sophia.Native.Cuda.Mutations -- run --all` makes it anew and keeps the reasons; CI runs 20 of them, others for every commit.");
        text.AppendLine();
        WriteSummary(text, results);
        text.AppendLine();
        text.AppendLine(SurvivorsTitle);
        text.AppendLine();
        text.AppendLine(Columns + " reason |");
        text.AppendLine("|---|---|---|---|---|---|");
        foreach (var (mutant, outcome) in results)
        {
            if (!outcome.IsCaught)
                text.AppendLine(CultureInfo.InvariantCulture, $"| {Cells(mutant)} | {_reasons.GetValueOrDefault(mutant.Name, Unexplained)} |");
        }
        text.AppendLine();
        text.AppendLine("## Caught");
        text.AppendLine();
        text.AppendLine(Columns + " by | what it said |");
        text.AppendLine("|---|---|---|---|---|---|---|");
        foreach (var (mutant, outcome) in results)
        {
            if (outcome.IsCaught)
                text.AppendLine(CultureInfo.InvariantCulture, $"| {Cells(mutant)} | {outcome.Detector} | {Escape(Shorten(outcome.Message))} |");
        }
        File.WriteAllText(path, text.ToString());
    }

    private static void WriteSummary(StringBuilder text, IReadOnlyList<(Mutant Mutant, Outcome Outcome)> results)
    {
        var detectors = results.Where(result => result.Outcome.IsCaught).Select(result => result.Outcome.Detector).Distinct().Order(StringComparer.Ordinal).ToArray();
        text.AppendLine(CultureInfo.InvariantCulture, $"| file | mutants | {string.Join(" | ", detectors)} | survived |");
        text.AppendLine(CultureInfo.InvariantCulture, $"|---|---|{string.Concat(detectors.Select(_ => "---|"))}---|");
        foreach (var group in results.GroupBy(result => result.Mutant.File).Append(results.GroupBy(_ => "all").FirstOrDefault()))
        {
            if (group is null)
                continue;
            var counts = detectors.Select(detector => group.Count(result => result.Outcome.Detector == detector).ToString(CultureInfo.InvariantCulture));
            text.AppendLine(CultureInfo.InvariantCulture, $"| {group.Key} | {group.Count()} | {string.Join(" | ", counts)} | {group.Count(result => !result.Outcome.IsCaught)} |");
        }
    }

    private static string Cells(Mutant mutant) => string.Join(" | ", ((string[])[mutant.File, mutant.Function, mutant.Change, $"`{mutant.Line}`", mutant.Place]).Select(Escape));

    private static string Escape(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);

    private static string Shorten(string text) => text.Length <= 160 ? text : text[..157] + "...";
}
