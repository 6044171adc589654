using System.CommandLine;
using System.Text.Json;
using Sophia.Native.Data.Records;
using Sophia.Native.Pipeline;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia score</c>: log-probability and entropy of every token of given sequences.</summary>
internal static class ScoreCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "checkpoint folder", Required = true };
        var data = new Option<string>("--data") { Description = "questions, trajectories or raw records", Required = true };
        var output = new Option<string?>("--out") { Description = "where records go; stdout without it" };
        var adapter = AdapterFlag.Create();
        var temperature = new Option<float>("--temperature") { Description = "divides the logits; where it is given it wins over the temperatures of the records", DefaultValueFactory = _ => 1f };
        var command = new Command("score", "Log-probability and entropy of every token, prompt and response alike.") { model, adapter, data, output, temperature };
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(parsed, parsed.GetValue(model)!, parsed.GetValue(adapter), parsed.GetValue(data)!, parsed.GetValue(output), parsed.GetResult(temperature) is { Implicit: false } ? parsed.GetValue(temperature) : null, cancellation)));
        return command;
    }

    private static int Run(ParseResult parsed, string folder, string? adapter, string data, string? output, float? temperature, CancellationToken cancellation)
    {
        if (temperature is not (null or > 0 and <= float.MaxValue))
            throw new UsageException($"--temperature: expected a positive number, found {temperature}.");
        OutputPlace.RequireFile(output);
        var records = DataFile.Read(data);
        using var session = ModelSession.Open(parsed, folder, adapter);
        using var scorer = new SampleScorer(session.Model);
        var report = new CommandOutput(parsed);
        var progress = new ProgressLine(report, "score:", records.Count);
        var done = 0;
        progress.Report(done);
        report.Records(output, lines =>
        {
            foreach (var record in records)
            {
                cancellation.ThrowIfCancellationRequested();
                var scores = Score(scorer, session.Encoder, record, temperature);
                lines.Write(json =>
                {
                    record.WriteId(json);
                    WriteScores(json, "logprobs", scores.LogProbabilities);
                    WriteScores(json, "entropies", scores.Entropies);
                    if (session.RopeLength is { } length)
                        json.WriteNumber("rope_length", length);
                });
                progress.Report(++done);
            }
        });
        if (output is not null)
            report.Json(json => json.WriteNumber("records", done));
        return 0;
    }

    private static (float[] LogProbabilities, float[] Entropies) Score(SampleScorer scorer, RecordEncoder encoder, DataRecord record, float? temperature)
    {
        try
        {
            var sample = encoder.ToSample(record);
            var scores = scorer.Score(sample, temperature ?? sample.Temperature);
            foreach (var score in scores.LogProbabilities)
            {
                if (!float.IsFinite(score))
                    throw record.Error("finite log-probabilities", $"{score}: a weight of the model is not finite, or the temperature is too low");
            }
            return scores;
        }
        catch (InvalidDataException fault) when (!fault.Message.StartsWith(record.Location, StringComparison.Ordinal))
        {
            throw new InvalidDataException($"{record.Location}: {fault.Message}");
        }
    }

    private static void WriteScores(Utf8JsonWriter json, string name, float[] scores)
    {
        json.WriteStartArray(name);
        json.WriteNullValue();
        for (var i = 1; i < scores.Length; i++)
            json.WriteNumberValue(scores[i]);
        json.WriteEndArray();
    }
}
