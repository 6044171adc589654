using System.Diagnostics;

namespace Sophia.Native.Tests.Cli;

/// <summary>The recipe over real questions, with the real vocabulary and a model of 40 million parameters.</summary>
public sealed class RealInputTests : IDisposable
{
    private static readonly string[] Stages = ["init", "inspect", "tiles", "score", "generate", "caption", "reason", "status", "reward", "train", "eval"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_whole_loop_runs_on_real_questions()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The recipe is a bash script.");
        var questions = TestData.Data("mathvision-testmini");
        var tokenizer = TestData.Data("qwen2-tokenizer");
        var recipes = Path.GetDirectoryName(RecipeFileTests.Find("mathvision-nano.sh"))!;
        ProcessStartInfo start = new("bash", [Path.Combine(recipes, "mathvision-nano.sh"), questions, tokenizer, _folder.File("out"), "2"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["SOPHIA"] = $"{Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet"} {Path.Combine(AppContext.BaseDirectory, "sophia.dll")}";
        start.Environment["TILES"] = "1";
        using var script = Process.Start(start)!;
        var output = script.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = await script.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await script.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(script.ExitCode == 0, errors);
        var summary = await File.ReadAllLinesAsync(_folder.File("out/summary.txt"), TestContext.Current.CancellationToken);
        foreach (var stage in Stages)
            Assert.Single(summary, line => line.StartsWith(stage + " ", StringComparison.Ordinal));
        Assert.Contains("\"trained_tokens\"", await output);
        Assert.Equal(2, File.ReadLines(_folder.File("out/evaluation.jsonl")).Count());
    }
}
