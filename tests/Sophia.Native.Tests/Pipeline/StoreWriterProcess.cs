using System.Diagnostics;
using System.Runtime.CompilerServices;
using Sophia.Native.Pipeline.Rollouts;

namespace Sophia.Native.Tests.Pipeline;

/// <summary>This test program as a child that writes answers into a store until it is killed.</summary>
internal static class StoreWriterProcess
{
    private const string Variable = "SOPHIA_TEST_STORE_WRITER";

    public const int Captions = 4;

    /// <summary>Starts the child; it prints a line after every batch that its append has confirmed.</summary>
    public static Process Start(string folder)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "Sophia.Native.Tests" + (OperatingSystem.IsWindows() ? ".exe" : ""));
        ProcessStartInfo start = new(program) { RedirectStandardOutput = true, UseShellExecute = false };
        start.Environment[Variable] = folder;
        return Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
    }

    public static string TextOf(int question, int caption, int answer) => $"{question}/{caption}/{answer} " + new string((char)('a' + answer % 26), answer * 37 % 5000);

    /// <summary>Runs before the test runner's own beginning, and for the child instead of it.</summary>
    [ModuleInitializer]
    internal static void RunAsChild()
    {
        string? folder = Environment.GetEnvironmentVariable(Variable);
        if (folder is null) return;
        using (RolloutStore store = RolloutStore.Open(folder))
        {
            for (int answer = 0; answer < 60_000; answer++)
            {
                List<StoredAnswer> batch = [];
                for (int question = 0; question < store.Questions.Count; question++)
                {
                    for (int caption = 0; caption < Captions; caption++)
                    {
                        if (!store.HasAnswer(question, caption, answer)) batch.Add(new StoredAnswer(question, caption, answer, TextOf(question, caption, answer)));
                    }
                }

                if (batch.Count == 0) continue;
                store.AppendAnswers(batch);
                Console.WriteLine(answer);
            }
        }

        Environment.Exit(0);
    }
}
