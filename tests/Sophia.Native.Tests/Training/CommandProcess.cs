using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Sophia.Native.Cli;

namespace Sophia.Native.Tests.Training;

/// <summary>This test program as a child that runs a command line of <c>sophia</c>, so that a test can kill it.</summary>
internal static class CommandProcess
{
    private const string Variable = "SOPHIA_TEST_COMMAND";

    public static Process Start(params string[] arguments) => Start(new Dictionary<string, string>(), arguments);

    /// <summary>The child's environment has these variables besides those of this process.</summary>
    public static Process Start(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "Sophia.Native.Tests" + (OperatingSystem.IsWindows() ? ".exe" : ""));
        ProcessStartInfo start = new(program) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment[Variable] = JsonSerializer.Serialize(arguments);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
    }

    /// <summary>Waits for the end; the exit code with all that was written.</summary>
    public static (int ExitCode, string Text) Finish(Process child)
    {
        var output = child.StandardOutput.ReadToEndAsync();
        var errors = child.StandardError.ReadToEndAsync();
        child.WaitForExit();
        return (child.ExitCode, output.GetAwaiter().GetResult() + errors.GetAwaiter().GetResult());
    }

    /// <summary>Runs before the test runner's own beginning, and for the child instead of it.</summary>
    [ModuleInitializer]
    internal static void RunAsChild()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } command)
            return;
        Environment.Exit(SophiaCommand.Run(JsonSerializer.Deserialize<string[]>(command)!).GetAwaiter().GetResult());
    }
}
