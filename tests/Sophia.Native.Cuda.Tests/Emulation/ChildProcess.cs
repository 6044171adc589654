using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Sophia.Native.Cli;

namespace Sophia.Native.Cuda.Tests.Emulation;

/// <summary>This test program as a child with an environment of its own: it runs a command line of <c>sophia</c>, or launches a kernel and prints the result.</summary>
internal static class ChildProcess
{
    private const string CommandVariable = "SOPHIA_TEST_COMMAND";
    private const string KernelVariable = "SOPHIA_TEST_KERNEL_FOLDER";

    /// <summary>Runs a command line of <c>sophia</c>.</summary>
    public static Process StartCommand(IReadOnlyDictionary<string, string?> environment, params string[] arguments) => Start(CommandVariable, JsonSerializer.Serialize(arguments), environment);

    /// <summary>Launches the kernel of <see cref="TestKernels.Square"/> with the sources in a folder and prints its result.</summary>
    public static Process StartKernel(IReadOnlyDictionary<string, string?> environment, string kernelFolder) => Start(KernelVariable, kernelFolder, environment);

    /// <summary>Waits for the end; the exit code with all that was written.</summary>
    public static (int ExitCode, string Output, string Error) Finish(Process child)
    {
        using (child)
        {
            var error = child.StandardError.ReadToEndAsync();
            var output = child.StandardOutput.ReadToEnd();
            child.WaitForExit();
            return (child.ExitCode, output, error.GetAwaiter().GetResult());
        }
    }

    /// <summary>Runs before the test runner's own beginning, and for the child instead of it.</summary>
    [ModuleInitializer]
    internal static void RunAsChild()
    {
        if (Environment.GetEnvironmentVariable(CommandVariable) is { } command)
            Environment.Exit(SophiaCommand.Run(JsonSerializer.Deserialize<string[]>(command)!).GetAwaiter().GetResult());
        if (Environment.GetEnvironmentVariable(KernelVariable) is not { } folder)
            return;
        using (var backend = CudaBackend.Open(new() { KernelFolder = folder, CompilesAhead = false }))
            Console.Write(string.Join(' ', TestKernels.Square(backend, 1f, 2f, 3f)));
        Environment.Exit(0);
    }

    private static Process Start(string variable, string value, IReadOnlyDictionary<string, string?> environment)
    {
        // The tests are a program of their own, or part of the archive's (bench/gpu).
        var name = Assembly.GetEntryAssembly()!.GetName().Name;
        var program = Path.Combine(AppContext.BaseDirectory, name + (OperatingSystem.IsWindows() ? ".exe" : ""));
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment[variable] = value;
        foreach (var (key, setting) in environment)
            start.Environment[key] = setting;
        return Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
    }
}
