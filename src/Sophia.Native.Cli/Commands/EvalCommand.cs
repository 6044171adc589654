using System.CommandLine;
using Sophia.Native.Data.Records;
using Sophia.Native.Models.Generation;
using Sophia.Native.Pipeline;
using Sophia.Native.Pipeline.Verification;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia eval</c>: pass@1, and pass@k of several samples, with the rule verifier.</summary>
internal static class EvalCommand
{
    private const int AnswersAtOnce = 128;

    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "checkpoint folder", Required = true };
        var data = new Option<string>("--data") { Description = "questions with answers", Required = true };
        var output = new Option<string?>("--out") { Description = "file for a record of every answer" };
        var samples = new Option<int>("--samples") { Description = "answers to a question, for pass@k", DefaultValueFactory = _ => 1 };
        var command = new Command("eval", "Accuracy on questions, with standard errors and a breakdown by subject and level.") { model, data, output, samples };
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
            using var session = ModelSession.Open(parsed, parsed.GetValue(model)!);
            Run(new(parsed), session, questions, parsed.GetValue(output), count, session.Generation(sampling.Options(parsed), sampling.MaximumNewTokens(parsed)), cancellation);
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
        var atOnce = Math.Max(1, AnswersAtOnce / samples);
        void Evaluate(JsonLinesWriter? lines)
        {
            for (var first = 0; first < questions.Count; first += atOnce)
            {
                var chunk = questions.GetRange(first, Math.Min(atOnce, questions.Count - first));
                Answer(session, chunk, first, samples, options, progress, right, lines, cancellation);
                progress.Finish((long)(first + chunk.Count) * samples);
            }
        }
        if (path is null)
            Evaluate(null);
        else
            output.Records(path, Evaluate);
        EvaluationTable.Print(output, questions, right, samples);
    }

    private static void Answer(ModelSession session, List<QuestionRecord> questions, int first, int samples, GenerationOptions options, GenerationProgress progress, int[] right, JsonLinesWriter? lines, CancellationToken cancellation)
    {
        var requests = new GenerationRequest[questions.Count * samples];
        for (var i = 0; i < questions.Count; i++)
        {
            var prompt = session.Encoder.Prompt(questions[i], questions[i].System ?? Prompts.SlowThinkingSystem);
            for (var sample = 0; sample < samples; sample++)
            {
                requests[i * samples + sample] = new()
                {
                    Id = questions[i].Location,
                    PromptIds = prompt.Ids,
                    PixelValues = prompt.PixelValues,
                    TileCount = prompt.TileCount,
                    SampleNumber = (first + i) * samples + sample,
                };
            }
        }
        using var generator = new Generator(session.Model, GeneratorPlan.For(requests, options.MaximumNewTokens));
        progress.Watch(generator, requests.Length);
        var results = generator.Generate(requests, options, cancellation);
        for (var i = 0; i < results.Length; i++)
        {
            var question = questions[i / samples];
            var text = session.Processor.DecodeResponse(results[i].OutputIds);
            var isRight = AnswerVerifier.Verify(text, question, results[i].FinishReason == FinishReason.Length);
            right[first + i / samples] += isRight ? 1 : 0;
            lines?.Write(json =>
            {
                question.WriteId(json);
                json.WriteString("text", text);
                json.WriteBoolean("correct", isRight);
                json.WriteString("finish_reason", results[i].FinishReason == FinishReason.Stop ? "stop" : "length");
            });
        }
    }
}
