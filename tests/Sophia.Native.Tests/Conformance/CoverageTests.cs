using System.Reflection;
using System.Text.RegularExpressions;
using Sophia.Native.Conformance;
using Sophia.Native.Reference;

namespace Sophia.Native.Tests.Conformance;

/// <summary>One operation has one name everywhere: whoever adds one to the contract is told here what else it needs.</summary>
public sealed partial class CoverageTests
{
    private const string Suffix = "Core";
    private static readonly string[] Transfers = ["Upload", "Download"];

    public static TheoryData<string> Operations
    {
        get
        {
            var names = new TheoryData<string>();
            foreach (var method in typeof(Backend).GetMethods(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            {
                if (method.IsAbstract && method.Name.EndsWith(Suffix, StringComparison.Ordinal) && !Transfers.Contains(method.Name[..^Suffix.Length]))
                    names.Add(method.Name[..^Suffix.Length]);
            }
            return names;
        }
    }

    [Fact]
    public void The_contract_has_operations() => Assert.True(Operations.Count > 30);

    [Theory]
    [MemberData(nameof(Operations))]
    public void An_operation_has_a_public_method(string operation) => Assert.NotNull(typeof(Backend).GetMethod(operation, BindingFlags.Instance | BindingFlags.Public));

    [Theory]
    [MemberData(nameof(Operations))]
    public void An_operation_has_a_reference(string operation) =>
        Assert.True(typeof(ReferenceOperations).GetMethod(operation, BindingFlags.Static | BindingFlags.Public) is not null, $"Add ReferenceOperations.{operation} to tests/Sophia.Native.Reference.");

    [Theory]
    [MemberData(nameof(Operations))]
    public void An_operation_has_conformance_cases(string operation) =>
        Assert.True(CaseTable.Operations().Contains(operation), $"Add cases of {operation} to tests/Sophia.Native.Conformance/Cases.");

    [Theory]
    [MemberData(nameof(Operations))]
    public void An_operation_has_a_benchmark(string operation)
    {
        var sources = string.Concat(Directory.EnumerateFiles(Find(Path.Combine("bench", "Sophia.Native.Benchmarks", "Operations")), "*.cs").Select(File.ReadAllText));
        Assert.True(sources.Contains($".{operation}(", StringComparison.Ordinal), $"No benchmark in bench/Sophia.Native.Benchmarks/Operations calls {operation}.");
    }

    /// <summary>The row names kernels, each of which is in a file of kernels/.</summary>
    [Theory]
    [MemberData(nameof(Operations))]
    public void An_operation_has_a_row_in_the_table_of_kernels(string operation)
    {
        var folder = Find("kernels");
        var row = File.ReadLines(Path.Combine(folder, "README.md")).FirstOrDefault(line => line.StartsWith($"| {operation} |", StringComparison.Ordinal));
        Assert.True(row is not null, $"Add a row of {operation} to the table of operations in kernels/README.md: its kernels, its bound, the measured share of the bound.");
        var cells = row.Split('|', StringSplitOptions.TrimEntries)[1..^1];
        Assert.True(cells.Length == 4 && cells.All(cell => cell.Length > 0), $"The row of {operation} in kernels/README.md has {cells.Length} cells; operation, kernels, bound and share of the bound are wanted.");
        var sources = string.Concat(Directory.EnumerateFiles(folder, "*.cu*").Select(File.ReadAllText));
        var kernels = KernelName().Matches(cells[1]);
        Assert.NotEmpty(kernels);
        Assert.All(kernels, kernel => Assert.True(sources.Contains($" {kernel.Groups[1].Value}(", StringComparison.Ordinal) || sources.Contains($"\n{kernel.Groups[1].Value}(", StringComparison.Ordinal),
            $"kernels/README.md gives {operation} the kernel {kernel.Groups[1].Value}, which no file of kernels/ has."));
    }

    /// <summary>A kernel, or a file of kernels, in the second column.</summary>
    [GeneratedRegex("`(\\w+)`")]
    private static partial Regex KernelName();

    private static string Find(string folder)
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var path = Path.Combine(at.FullName, folder);
            if (Directory.Exists(path) && File.Exists(Path.Combine(at.FullName, "Sophia.Native.sln")))
                return path;
        }
        throw new DirectoryNotFoundException($"{folder} is missing above {AppContext.BaseDirectory}.");
    }
}
