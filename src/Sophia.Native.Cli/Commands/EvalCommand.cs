using System.CommandLine;
using System.Text.Json;
using Sophia.Native.Data.Records;
using Sophia.Native.Models.Generation;
using Sophia.Native.Pipeline.Evaluation;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia eval</c>: pass@1, and pass@k of several samples, with the rule verifier.</summary>
internal static class EvalCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "checkpoint folder", Required = true };
        var data = new Option<string>("--data") { Description = "questions with answers", Required = true };
        var output = new Option<string?>("--out") { Description = "file for a record of every answer" };
        var adapter = AdapterFlag.Create();
        var samples = new Option<int>("--samples") { Description = "answers to a question, for pass@k", DefaultValueFactory = _ => 1 };
        var command = new Command("eval", "Accuracy on questions, with standard errors and a breakdown by subject and level.") { model, adapter, data, output, samples };
        var sampling = new SamplingFlags(command, 0f, 4096);
        command.SetAction((parsed, cancellation) =>
        {
            var count = parsed.GetValue(samples);
            if (count is < 1 or > 1024)
                throw new UsageException($"--samples: expected 1 to 1024, found {count}.");
            sampling.Check(parsed);
            if (count > 1 && sampling.Options(parsed).Temperature == 0)
                throw new UsageException($"--samples {count}: greedy answers to a question are all the same: give a --temperature above 0.");
            OutputPlace.RequireFile(parsed.GetValue(output));
            var questions = ReadQuestions(parsed.GetValue(data)!);
            using var session = ModelSession.Open(parsed, parsed.GetValue(model)!, parsed.GetValue(adapter));
            Run(new(parsed), session, questions, parsed.GetValue(output), count, session.Generation(parsed, sampling), cancellation);
            return Task.FromResult(0);
        });
        return command;
    }

    private static List<QuestionRecord> ReadQuestions(string data)
    {
        var questions = DataFile.ReadQuestions(data);
        foreach (var question in questions)
        {
            if (string.IsNullOrWhiteSpace(question.Answer))
                throw question.Error("a gold answer in \"answer\"", "none");
        }
        return questions;
    }

    private static void Run(CommandOutput output, ModelSession session, List<QuestionRecord> questions, string? path, int samples, GenerationOptions options, CancellationToken cancellation)
    {
        var right = new int[questions.Count];
        var progress = new GenerationProgress(new(output, "eval:", (long)questions.Count * samples), options);
        progress.Start();
        var received = 0L;
        var evaluator = new QuestionEvaluator(session.Model, session.Encoder)
        {
            Generating = (generator, requests) =>
            {
                // What ended at the model's last position was not counted while it was drawn.
                progress.Finish(received);
                progress.Watch(generator, requests);
            },
        };
        void Evaluate(JsonLinesWriter? lines) => evaluator.Answer(questions, samples, options, answer =>
        {
            received++;
            right[answer.Question] += answer.IsRight ? 1 : 0;
            lines?.Write(json => Write(json, questions[answer.Question], answer));
        }, cancellation);
        if (path is null)
            Evaluate(null);
        else
            output.Records(path, Evaluate);
        progress.Finish(received);
        EvaluationTable.Print(output, questions, right, samples);
    }

    private static void Write(Utf8JsonWriter json, QuestionRecord question, EvaluatedAnswer answer)
    {
        question.WriteId(json);
        json.WriteString("text", answer.Text);
        json.WriteBoolean("correct", answer.IsRight);
        json.WriteString("finish_reason", answer.FinishReason == FinishReason.Stop ? "stop" : "length");
    }
}
