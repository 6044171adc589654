using System.CommandLine;
using Sophia.Native.Cli.Commands;
using Sophia.Native.Training.Runs;

namespace Sophia.Native.Cli;

/// <summary>The command line: its verbs, and what becomes of errors. Exit codes: 0 done, 1 error, 2 usage, 130 interrupted.</summary>
public static class SophiaCommand
{
    private const int Error = 1;
    private const int Usage = 2;
    private const int Interrupted = 130;

    /// <summary>Runs a command line.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> Run(string[] arguments)
    {
        var root = new RootCommand("Sophia.Native trains and runs InternVL-type vision-language models with semi-off-policy reinforcement learning, on kernels of its own.");
        foreach (var option in SharedOptions.All)
            root.Options.Add(option);
        Command[] verbs =
        [
            QuickstartCommand.Create(), DoctorCommand.Create(), InspectCommand.Create(), InitCommand.Create(), ScoreCommand.Create(), GenerateCommand.Create(),
            CaptionCommand.Create(), ReasonCommand.Create(), RewardCommand.Create(), RolloutCommand.Create(), TrainCommand.Create(), EvalCommand.Create(),
            TokenizeCommand.Create(), TilesCommand.Create(), VerifyCommand.Create(),
        ];
        foreach (var verb in verbs)
            root.Subcommands.Add(verb);
        var parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
                Console.Error.WriteLine($"sophia: {error.Message}");
            Console.Error.WriteLine("sophia: see 'sophia --help' or 'sophia VERB --help'.");
            return Usage;
        }
        return await Invoke(parsed);
    }

    private static async Task<int> Invoke(ParseResult parsed)
    {
        using var interruption = new CancellationTokenSource();
        void Interrupt(object? sender, ConsoleCancelEventArgs signal)
        {
            // The first interruption ends in good order, the second at once.
            signal.Cancel = !interruption.IsCancellationRequested;
            interruption.Cancel();
        }
        Console.CancelKeyPress += Interrupt;
        try
        {
            return await parsed.InvokeAsync(new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, interruption.Token);
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("sophia: interrupted.");
            return Interrupted;
        }
        catch (UsageException fault)
        {
            Console.Error.WriteLine($"sophia: {fault.Message}");
            return Usage;
        }
        catch (Exception fault) when (IsExpected(fault))
        {
            Console.Error.WriteLine($"sophia: {OneLine(fault.Message)}");
            if (Environment.GetEnvironmentVariable("SOPHIA_TRACE") == "1")
                Console.Error.WriteLine(fault);
            return Error;
        }
        finally
        {
            Console.CancelKeyPress -= Interrupt;
        }
    }

    /// <summary>What bad input and a bad environment throw; anything else is a fault of the program and shows its trace.</summary>
    private static bool IsExpected(Exception fault) =>
        fault is IOException or InvalidDataException or UnauthorizedAccessException or ArgumentException or BackendUnavailableException or TrainingDivergedException
            or HttpRequestException or TimeoutException or InvalidOperationException or OutOfMemoryException or KeyNotFoundException;

    private static string OneLine(string message) => message.ReplaceLineEndings(" ");
}

/// <summary>Options that parse but do not fit together.</summary>
/// <param name="message">What fits.</param>
internal sealed class UsageException(string message) : Exception(message);
