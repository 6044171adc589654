using System.Globalization;
using System.Text.RegularExpressions;

namespace Sophia.Native.Cuda.CompileGate;

/// <summary>What the assembler says of one kernel.</summary>
/// <param name="Name">The kernel.</param>
/// <param name="Registers">Registers of a thread.</param>
/// <param name="StackBytes">Bytes of a thread's local memory: arrays that are not in registers.</param>
/// <param name="SpillBytes">Bytes of registers that are stored to and loaded from local memory.</param>
/// <param name="SharedBytes">Static shared memory of a block.</param>
internal sealed partial record KernelReport(string Name, int Registers, int StackBytes, int SpillBytes, int SharedBytes)
{
    /// <summary>Reads the compiler's log, which has a paragraph for every kernel.</summary>
    public static List<KernelReport> Parse(string log)
    {
        var reports = new List<KernelReport>();
        foreach (Match paragraph in Paragraph().Matches(log))
        {
            var text = paragraph.Groups["text"].Value;
            reports.Add(new(paragraph.Groups["name"].Value, Number(RegisterCount().Match(text)) ?? -1, Number(Stack().Match(text)) ?? -1,
                (Number(SpillStores().Match(text)) ?? -1) + (Number(SpillLoads().Match(text)) ?? -1), Number(Shared().Match(text)) ?? 0));
        }
        return reports;
    }

    private static int? Number(Match match) => match.Success ? int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : null;

    [GeneratedRegex(@"Compiling entry function '(?<name>\w+)'(?<text>.*?)(?=Compiling entry function|\z)", RegexOptions.Singleline)]
    private static partial Regex Paragraph();

    [GeneratedRegex(@"Used (\d+) registers")]
    private static partial Regex RegisterCount();

    [GeneratedRegex(@"(\d+) bytes stack frame")]
    private static partial Regex Stack();

    [GeneratedRegex(@"(\d+) bytes spill stores")]
    private static partial Regex SpillStores();

    [GeneratedRegex(@"(\d+) bytes spill loads")]
    private static partial Regex SpillLoads();

    [GeneratedRegex(@"(\d+) bytes smem")]
    private static partial Regex Shared();
}
