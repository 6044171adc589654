using System.CommandLine;
using System.Diagnostics;
using Sophia.Native.Cli;

namespace Sophia.Native.Tests.Cli;

/// <summary>What long work says of its rate and of the time that is left. The begin lies in the past, so that some milliseconds of this process change no digit that is told.</summary>
public sealed class ProgressLineTests
{
    [Theory]
    // A hundred seconds for ten of the hundred that were missing: 10 s each, 80 are left.
    [InlineData(100, 110, 10, 20, "work 20 of 110 (so far), 10.0 s each, 15 min left")]
    [InlineData(100, 201, 1, 201, "work 201 of 201 (so far), 2.0/s, 2 min")]
    [InlineData(20, 400, 0, 100, "work 100 of 400 (so far), 5.0/s, 60 s left")]
    [InlineData(1000, 1000, 0, 1, "work 1 of 1000 (so far), 1000.0 s each, 277.5 h left")]
    [InlineData(40, 120, 40, 120, "work 120 of 120 (so far), 2.0/s, 40 s")]
    public async Task Rate_and_time_left_count_what_was_done_since_the_begin(int secondsAgo, int total, int before, int done, string expected)
    {
        var lines = await Report("debug", total, secondsAgo, line =>
        {
            line.Report(before);
            line.Report(done, " (so far)");
        });
        Assert.Equal([$"work {before} of {total}", expected], lines);
    }

    [Fact]
    public async Task Elsewhere_than_on_a_terminal_lines_come_now_and_then_the_last_one_always()
    {
        var lines = await Report("info", total: 3, secondsAgo: 0, line =>
        {
            for (var done = 0; done <= 3; done++)
                line.Report(done);
            line.Report(3);
        });
        Assert.Equal(2, lines.Length);
        Assert.Equal("work 0 of 3", lines[0]);
        Assert.StartsWith("work 3 of 3, ", lines[1]);
        Assert.Empty(await Report("quiet", total: 1, secondsAgo: 0, line => line.Report(1)));
    }

    /// <summary>The lines that a command writes to its standard error output.</summary>
    private static async Task<string[]> Report(string logLevel, int total, int secondsAgo, Action<ProgressLine> report)
    {
        var root = new RootCommand();
        foreach (var option in SharedOptions.All)
            root.Options.Add(option);
        root.SetAction(parsed => report(new(new(parsed), "work", total, Stopwatch.GetTimestamp() - secondsAgo * Stopwatch.Frequency)));
        using var error = new StringWriter();
        Assert.Equal(0, await root.Parse(["--log-level", logLevel]).InvokeAsync(new() { Error = error, EnableDefaultExceptionHandler = false }, TestContext.Current.CancellationToken));
        return error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
