using System.CommandLine;
using System.Text.Json;
using Sophia.Native.Cli;
using Sophia.Native.Cli.Commands;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Tests.Cli;

/// <summary>pass@k and its errors in the table of <c>eval</c>, by numbers worked out on paper.</summary>
public sealed class EvaluationTableTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_row_has_the_mean_of_its_questions_and_the_error_of_that_mean()
    {
        var file = _folder.Write("questions.jsonl", string.Join('\n',
            """{"question":"a","answer":"1","subject":"algebra","level":1}""",
            """{"question":"b","answer":"1","subject":"algebra","level":"2"}""",
            """{"question":"c","answer":"1","subject":"counting","level":2}""",
            """{"question":"d","answer":"1","metadata":{"skills":["x","y","x"],"subject":"algebra"},"level":5}""") + "\n");
        // Right of four answers each: pass@1 is the share, pass@2 = 1 - C(4 - c, 2) / 6, pass@4 whether there is one.
        var (table, json) = await Print([.. RecordReader.ReadQuestions(file)], [4, 2, 1, 0], samples: 4);

        Assert.Equal(4, json.GetProperty("questions").GetInt32());
        // Deviations of 1, 1/2, 1/4 and 0 from their mean 7/16 are 9, 1, -3 and -7 sixteenths.
        Row(json, 4, (1, 7 / 16.0, Math.Sqrt((81 + 1 + 9 + 49) / 256.0 / 3 / 4)), (2, (1 + 5 / 6.0 + 0.5 + 0) / 4, null), (4, 0.75, Math.Sqrt(0.75 / 3 / 4)));
        var subjects = json.GetProperty("subject");
        Assert.Equal(["algebra", "counting"], subjects.EnumerateObject().Select(entry => entry.Name));
        Row(subjects.GetProperty("algebra"), 3, (1, 0.5, Math.Sqrt(0.5 / 2 / 3)), (2, (1 + 5 / 6.0 + 0) / 3, null), (4, 2 / 3.0, Math.Sqrt(2 / 3.0 / 2 / 3)));
        Row(subjects.GetProperty("counting"), 1, (1, 0.25, 0), (2, 0.5, 0), (4, 1, 0));
        var levels = json.GetProperty("level");
        Assert.Equal(["1", "2", "5"], levels.EnumerateObject().Select(entry => entry.Name));
        Row(levels.GetProperty("2"), 2, (1, 0.375, 0.125), (2, (5 / 6.0 + 0.5) / 2, null), (4, 1, 0));
        Assert.Equal(["x", "y"], json.GetProperty("skills").EnumerateObject().Select(entry => entry.Name));
        Assert.Equal(1, json.GetProperty("skills").GetProperty("x").GetProperty("questions").GetInt32());
        Assert.False(json.TryGetProperty("grade", out _));

        var lines = table.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(1 + 2 + 3 + 2, lines.Length);
        Assert.Matches(@"^all +pass@1 0\.4375 \+- 0\.2135  pass@2 0\.5833 \+- 0\.2205  pass@4 0\.7500 \+- 0\.2500  of 4$", lines[0]);
        Assert.Matches(@"^subject algebra +pass@1 0\.5000 \+- 0\.2887 ", lines[1]);
    }

    [Theory]
    [InlineData(1, new[] { 1 })]
    [InlineData(6, new[] { 1, 2, 4, 6 })]
    [InlineData(8, new[] { 1, 2, 4, 8 })]
    public async Task The_depths_are_the_powers_of_two_and_the_number_of_answers(int samples, int[] depths)
    {
        var file = _folder.Write("questions.jsonl", """{"question":"a","answer":"1"}""" + "\n");
        var (_, json) = await Print([.. RecordReader.ReadQuestions(file)], [1], samples);
        Assert.Equal(depths.Select(depth => $"pass@{depth}"), json.EnumerateObject().Select(entry => entry.Name).Where(name => name.StartsWith("pass@", StringComparison.Ordinal) && !name.EndsWith("error", StringComparison.Ordinal)));
        Assert.Equal(1.0 / samples, json.GetProperty("pass@1").GetDouble(), 12);
        Assert.Equal(1, json.GetProperty($"pass@{samples}").GetDouble());
    }

    private static void Row(JsonElement row, int questions, params (int Depth, double Rate, double? Error)[] rates)
    {
        Assert.Equal(questions, row.GetProperty("questions").GetInt32());
        foreach (var (depth, rate, error) in rates)
        {
            Assert.Equal(rate, row.GetProperty($"pass@{depth}").GetDouble(), 12);
            if (error is { } expected)
                Assert.Equal(expected, row.GetProperty($"pass@{depth}_standard_error").GetDouble(), 12);
        }
    }

    private static async Task<(string Table, JsonElement Json)> Print(List<QuestionRecord> questions, int[] right, int samples)
    {
        var root = new RootCommand();
        foreach (var option in SharedOptions.All)
            root.Options.Add(option);
        root.SetAction(parsed => EvaluationTable.Print(new(parsed), questions, right, samples));
        using StringWriter output = new(), error = new();
        Assert.Equal(0, await root.Parse(["--json"]).InvokeAsync(new() { Output = output, Error = error, EnableDefaultExceptionHandler = false }, TestContext.Current.CancellationToken));
        return (error.ToString(), JsonElement.Parse(output.ToString()));
    }
}
