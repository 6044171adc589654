using System.CommandLine;
using Sophia.Native.Data.Records;
using Sophia.Native.Pipeline.Verification;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia verify</c>: whether an answer equals the gold answer.</summary>
internal static class VerifyCommand
{
    public static Command Create()
    {
        var gold = new Option<string?>("--gold") { Description = "the gold answer" };
        var answer = new Option<string?>("--answer") { Description = "the answer to be judged" };
        var data = new Option<string?>("--data") { Description = "records with \"gold\" and \"answer\", or trajectories with a gold answer" };
        var output = new Option<string?>("--out") { Description = "where records go; stdout without it" };
        var command = new Command("verify", "Judges whether an answer equals the gold answer.") { gold, answer, data, output };
        command.SetAction(parsed => Run(new(parsed), parsed.GetValue(gold), parsed.GetValue(answer), parsed.GetValue(data), parsed.GetValue(output)));
        return command;
    }

    private static int Run(CommandOutput report, string? gold, string? answer, string? data, string? output)
    {
        if (data is null ? gold is null || answer is null : gold is not null || answer is not null)
            throw new UsageException("verify: give either --gold and --answer, or --data.");
        OutputPlace.RequireFile(output);
        report.Records(output, lines =>
        {
            if (data is null)
            {
                Write(lines, AnswerVerifier.Equal(gold!, answer!));
                return;
            }
            foreach (var line in JsonLines.Read(data))
                Write(lines, Judge(line));
        });
        return 0;
    }

    private static bool Judge(JsonLine line)
    {
        if (line.Value.TryGetProperty("gold", out var gold) && line.Value.TryGetProperty("answer", out var answer))
        {
            if (gold.ValueKind != System.Text.Json.JsonValueKind.String || answer.ValueKind != System.Text.Json.JsonValueKind.String)
                throw line.Error("texts in \"gold\" and \"answer\"", $"{gold.ValueKind} and {answer.ValueKind}");
            return AnswerVerifier.Equal(gold.GetString()!, answer.GetString()!);
        }
        if (RecordReader.Parse(line) is TrajectoryRecord trajectory && trajectory.Question.Answer is not null)
            return AnswerVerifier.Verify(trajectory.Response, trajectory.Question, trajectory.Truncated);
        throw line.Error("\"gold\" and \"answer\", or a trajectory with \"response\" and \"answer\"", "neither");
    }

    private static void Write(JsonLinesWriter lines, bool equal) => lines.Write(json => json.WriteBoolean("equal", equal));
}
