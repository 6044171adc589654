using System.Diagnostics;
using System.Globalization;
using Sophia.Native.Pipeline;
using Sophia.Native.Pipeline.Quickstart;
using Sophia.Native.Pipeline.Quickstart.Report;

namespace Sophia.Native.Learning.Tests;

/// <summary>The quickstart as users run it, from random weights to the table: what SOPHIA teaches must show.</summary>
public sealed class QuickstartTests
{
    [Fact]
    public void The_method_beats_the_base_and_random_selection()
    {
        var folder = Directory.CreateTempSubdirectory("sophia-quickstart-").FullName;
        try
        {
            using var backend = Backend.Open("cpu");
            using var run = new QuickstartRun(backend, new(), folder, Say);
            var outcome = run.Execute([.. QuickstartArm.All.Where(arm => arm.Name is "full" or "random" or "token-ratio")], TestContext.Current.CancellationToken);

            var (untrained, full, random, ratio) = (Arm(outcome, "base"), Arm(outcome, "full"), Arm(outcome, "random"), Arm(outcome, "token-ratio"));
            Assert.True(full.Sampled.Count >= 1500);
            Assert.True(full.Sampled.StandardErrorsAbove(untrained.Sampled) > 5, Compare(full, untrained));
            Assert.True(full.Sampled.StandardErrorsAbove(random.Sampled) > 3, Compare(full, random));
            // Arms answer the same questions: the difference is taken question by question.
            var paired = Estimate.OfDifference(full.SampledRight, random.SampledRight);
            Assert.True(paired.Value > 3 * paired.StandardError, $"full less random {paired}");
            // The clipped ratio learns too, and its tokens have left the snapshot by the end.
            Assert.True(ratio.Sampled.StandardErrorsAbove(untrained.Sampled) > 5, Compare(ratio, untrained));
            Assert.InRange(ratio.Update!.Ratios!.Value.ClippedShare, 0.05, 0.95);
            using var process = Process.GetCurrentProcess();
            Assert.True(process.PeakWorkingSet64 <= 2_000_000_000, $"The process took {process.PeakWorkingSet64 / 1e9:0.00} GB.");
            Assert.Contains("<svg", File.ReadAllText(Path.Combine(folder, "report.html")), StringComparison.Ordinal);
            Assert.NotEmpty(File.ReadAllLines(Path.Combine(folder, "trajectories-full.jsonl")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static ArmResult Arm(QuickstartOutcome outcome, string name) => outcome.Arms.Single(arm => arm.Name == name);

    private static string Compare(ArmResult better, ArmResult worse) => string.Create(CultureInfo.InvariantCulture,
        $"{better.Name} {better.Sampled.Value:0.000} +- {better.Sampled.StandardError:0.000} against {worse.Name} {worse.Sampled.Value:0.000} +- {worse.Sampled.StandardError:0.000}");

    private static void Say(string text) => TestContext.Current.TestOutputHelper?.WriteLine(text);
}
