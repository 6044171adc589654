using System.CommandLine;
using Sophia.Native.Cli.Commands;
using Sophia.Native.Cuda;
using Sophia.Native.Training.Runs;

namespace Sophia.Native.Cli;

/// <summary>The command line: its verbs, and what becomes of errors. Exit codes: 0 done, 1 error, 2 usage, 130 interrupted.</summary>
public static class SophiaCommand
{
    private const int Done = 0;
    private const int Failed = 1;
    private const int Misused = 2;
    private const int Interrupted = 130;

    /// <summary>Runs a command line.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <returns>The exit code.</returns>
    public static Task<int> Run(string[] arguments) => Run(arguments, Console.Out, Console.Error, CancellationToken.None);

    /// <summary>Runs a command line with other writers in the place of the process's own.</summary>
    internal static async Task<int> Run(string[] arguments, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        var parsed = Root().Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            error.WriteLine($"sophia: {UsageErrors.Describe(parsed)}");
            var verb = parsed.CommandResult.Command is RootCommand ? "" : $" {parsed.CommandResult.Command.Name}";
            error.WriteLine($"sophia: 'sophia{verb} --help' says more.");
            return Misused;
        }
        using var interruption = new Interruption(cancellation);
        return await Invoke(parsed, new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null, Output = output, Error = error }, interruption.Token);
    }

    /// <summary>The last one comes first under <c>auto</c>.</summary>
    static SophiaCommand()
    {
        BackendProviders.Add(IlgpuBackends.Provider);
        BackendProviders.Add(CudaBackend.Provider);
    }

    private static RootCommand Root()
    {
        var root = new RootCommand("Sophia.Native trains and runs InternVL-type vision-language models with semi-off-policy reinforcement learning, on kernels of its own.");
        foreach (var option in SharedOptions.All)
            root.Options.Add(option);
        Command[] verbs =
        [
            QuickstartCommand.Create(), DoctorCommand.Create(), InspectCommand.Create(), InitCommand.Create(), ScoreCommand.Create(), GenerateCommand.Create(),
            CaptionCommand.Create(), ReasonCommand.Create(), RewardCommand.Create(), RolloutCommand.Create(), TrainCommand.Create(), MergeCommand.Create(), EvalCommand.Create(),
            TokenizeCommand.Create(), TilesCommand.Create(), VerifyCommand.Create(),
        ];
        foreach (var verb in verbs)
            root.Subcommands.Add(verb);
        return root;
    }

    private static async Task<int> Invoke(ParseResult parsed, InvocationConfiguration configuration, CancellationToken interruption)
    {
        try
        {
            SharedOptions.Check(parsed);
            return await parsed.InvokeAsync(configuration, interruption);
        }
        catch (OperationCanceledException) when (interruption.IsCancellationRequested)
        {
            configuration.Error.WriteLine("sophia: interrupted.");
            return Interrupted;
        }
        catch (ClosedOutputException)
        {
            return Done;
        }
        catch (UsageException fault)
        {
            configuration.Error.WriteLine($"sophia: {fault.Message}");
            return Misused;
        }
        catch (Exception fault)
        {
            configuration.Error.WriteLine(IsExpected(fault) ? $"sophia: {OneLine(fault.Message)}" : $"sophia: a fault of this program: {fault}");
            if (IsExpected(fault) && Environment.GetEnvironmentVariable("SOPHIA_TRACE") == "1")
                configuration.Error.WriteLine(fault);
            return Failed;
        }
    }

    /// <summary>What bad input and a bad environment throw; anything else is a fault of the program and shows its trace.</summary>
    private static bool IsExpected(Exception fault) =>
        fault is IOException or InvalidDataException or UnauthorizedAccessException or ArgumentException or BackendUnavailableException or CudaException or TrainingDivergedException
            or HttpRequestException or TimeoutException or OutOfMemoryException || IlgpuBackends.IsFault(fault);

    private static string OneLine(string message) => message.ReplaceLineEndings(" ");
}
