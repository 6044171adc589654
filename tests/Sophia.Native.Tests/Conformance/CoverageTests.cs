using System.Reflection;
using Sophia.Native.Conformance;
using Sophia.Native.Reference;

namespace Sophia.Native.Tests.Conformance;

/// <summary>One operation has one name everywhere: whoever adds one to the contract is told here what else it needs.</summary>
public sealed class CoverageTests
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
        var sources = string.Concat(Directory.EnumerateFiles(Benchmarks(), "*.cs").Select(File.ReadAllText));
        Assert.True(Calls(sources, operation), $"No benchmark in bench/Sophia.Native.Benchmarks/Operations calls {operation}.");
    }

    private static bool Calls(string sources, string operation) => sources.Contains($".{operation}(", StringComparison.Ordinal);

    private static string Benchmarks()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var folder = Path.Combine(at.FullName, "bench", "Sophia.Native.Benchmarks", "Operations");
            if (Directory.Exists(folder))
                return folder;
        }
        throw new DirectoryNotFoundException($"bench/Sophia.Native.Benchmarks/Operations is missing above {AppContext.BaseDirectory}.");
    }
}
