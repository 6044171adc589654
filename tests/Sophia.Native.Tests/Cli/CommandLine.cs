using System.Text.Json;
using Sophia.Native.Cli;

namespace Sophia.Native.Tests.Cli;

/// <summary>Runs command lines of <c>sophia</c> in this process, with writers of its own in the place of the console.</summary>
internal static class CommandLine
{
    public static Task<CommandResult> Run(params string[] arguments) => Run(TestContext.Current.CancellationToken, arguments);

    public static async Task<CommandResult> Run(CancellationToken cancellation, params string[] arguments)
    {
        StringWriter output = new(), error = new();
        var code = await SophiaCommand.Run(arguments, output, error, cancellation);
        return new(code, output.ToString(), error.ToString());
    }

    /// <summary>Runs a command that must succeed.</summary>
    public static async Task<CommandResult> Succeed(params string[] arguments)
    {
        var result = await Run(arguments);
        Assert.True(result.Code == 0, $"sophia {string.Join(' ', arguments)} ended with {result.Code}: {result.Error}");
        return result;
    }

    /// <summary>Runs a command that must fail with one line that has all the parts, write nothing to stdout, and leave the folder as it was.</summary>
    public static async Task Refuse(int code, string folder, string[] parts, params string[] arguments)
    {
        var before = Entries(folder);
        // Progress is no fault; where the last option lacks its value nothing can follow it.
        var result = await Run(arguments.Contains("--log-level") || arguments is [.., "--backend"] ? arguments : [.. arguments, "--log-level", "quiet"]);
        var told = $"sophia {string.Join(' ', arguments)} ended with {result.Code} and wrote: {result.Error}";
        Assert.True(result.Code == code, told);
        Assert.Equal("", result.Out);
        var lines = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        // The parser's faults are followed by a pointer to the help.
        Assert.True(lines.Length == 1 || (code == 2 && lines.Length == 2 && lines[1].EndsWith("--help' says more.", StringComparison.Ordinal)), told);
        Assert.StartsWith("sophia: ", lines[0]);
        foreach (var part in parts)
            Assert.True(lines[0].Contains(part, StringComparison.Ordinal), $"expected '{part}' in: {told}");
        Assert.Equal(before, Entries(folder));
    }

    private static string[] Entries(string folder)
    {
        var entries = Directory.GetFileSystemEntries(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 });
        Array.Sort(entries, StringComparer.Ordinal);
        return entries;
    }
}

/// <summary>What a command line did.</summary>
internal sealed record CommandResult(int Code, string Out, string Error)
{
    public JsonElement[] Lines() => Array.ConvertAll(Out.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => JsonElement.Parse(line));

    public JsonElement Line() => Assert.Single(Lines());
}
