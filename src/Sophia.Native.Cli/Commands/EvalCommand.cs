using System.CommandLine;
using System.Globalization;
using Sophia.Native.Data.Records;
using Sophia.Native.Models.Generation;
using Sophia.Native.Pipeline;
using Sophia.Native.Pipeline.Quickstart;
using Sophia.Native.Pipeline.Verification;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia eval</c>: pass@1, and pass@k of several samples, with the rule verifier.</summary>
internal static class EvalCommand
{
    private const int QuestionsAtOnce = 64;

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
            using var session = ModelSession.Open(parsed, parsed.GetValue(model)!);
            var options = new GenerationOptions { Sampling = sampling.Options(parsed), MaximumNewTokens = sampling.MaximumNewTokens(parsed), StopIds = session.Processor.StopIds };
            var count = parsed.GetValue(samples);
            if (count < 1)
                throw new UsageException($"--samples: expected at least 1, found {count}.");
            Run(new(parsed), session, parsed.GetValue(data)!, parsed.GetValue(output), count, options, cancellation);
            return Task.FromResult(0);
        });
        return command;
    }

    private static void Run(CommandOutput output, ModelSession session, string data, string? path, int samples, GenerationOptions options, CancellationToken cancellation)
    {
        var questions = RecordReader.ReadQuestions(data).ToList();
        foreach (var question in questions)
        {
            if (question.Answer is null)
                throw question.Error("a gold answer in \"answer\"", "none");
        }
        if (questions.Count == 0)
            throw new InvalidDataException($"{data}: expected at least one question, found none.");
        var right = new int[questions.Count];
        void Evaluate(JsonLinesWriter? lines)
        {
            for (var first = 0; first < questions.Count; first += QuestionsAtOnce)
            {
                var chunk = questions.GetRange(first, Math.Min(QuestionsAtOnce, questions.Count - first));
                Answer(session, chunk, first, samples, options, right, lines, cancellation);
                output.Note($"eval: {first + chunk.Count} of {questions.Count}");
            }
        }
        if (path is null)
            Evaluate(null);
        else
            CommandOutput.Records(path, Evaluate);
        Print(output, questions, right, samples);
    }

    private static void Answer(ModelSession session, List<QuestionRecord> questions, int first, int samples, GenerationOptions options, int[] right, JsonLinesWriter? lines, CancellationToken cancellation)
    {
        var requests = new GenerationRequest[questions.Count * samples];
        for (var i = 0; i < questions.Count; i++)
        {
            var prompt = session.Encoder.Prompt(questions[i], questions[i].System ?? Prompts.SlowThinkingSystem);
            for (var sample = 0; sample < samples; sample++)
            {
                requests[i * samples + sample] = new()
                {
                    Id = questions[i].Id,
                    PromptIds = prompt.Ids,
                    PixelValues = prompt.PixelValues,
                    TileCount = prompt.TileCount,
                    SampleNumber = (first + i) * samples + sample,
                };
            }
        }
        using var generator = new Generator(session.Model, GeneratorPlan.For(requests, options.MaximumNewTokens));
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

    private static void Print(CommandOutput output, List<QuestionRecord> questions, int[] right, int samples)
    {
        var all = Enumerable.Range(0, questions.Count).ToList();
        var (passOne, passAny) = Measure(all, right, samples);
        output.Line(string.Create(CultureInfo.InvariantCulture, $"pass@1  {passOne.Value:0.0000} +- {passOne.StandardError:0.0000}  ({questions.Count} questions, {samples} answers each)"));
        if (samples > 1)
            output.Line(string.Create(CultureInfo.InvariantCulture, $"pass@{samples}  {passAny.Value:0.0000} +- {passAny.StandardError:0.0000}"));
        foreach (var field in (string[])["subject", "level"])
        {
            foreach (var group in all.GroupBy(index => Field(questions[index], field)).Where(group => group.Key is not null).OrderBy(group => group.Key, StringComparer.Ordinal))
            {
                var (share, _) = Measure([.. group], right, samples);
                output.Line(string.Create(CultureInfo.InvariantCulture, $"  {field} {group.Key,-40} {share.Value:0.0000} +- {share.StandardError:0.0000}  ({group.Count()})"));
            }
        }
        output.Json(json =>
        {
            json.WriteNumber("pass@1", passOne.Value);
            json.WriteNumber("standard_error", passOne.StandardError);
            json.WriteNumber("questions", questions.Count);
            if (samples > 1)
                json.WriteNumber($"pass@{samples}", passAny.Value);
        });
    }

    /// <summary>The mean over questions of the share of right answers, and of whether any is right.</summary>
    private static (Estimate One, Estimate Any) Measure(List<int> indices, int[] right, int samples)
    {
        var shares = new double[indices.Count];
        var any = new double[indices.Count];
        for (var i = 0; i < shares.Length; i++)
        {
            shares[i] = (double)right[indices[i]] / samples;
            any[i] = right[indices[i]] > 0 ? 1 : 0;
        }
        return (Estimate.OfMean(shares), Estimate.OfMean(any));
    }

    private static string? Field(QuestionRecord question, string name)
    {
        foreach (var (key, value) in question.UnknownFields)
        {
            if (key == name)
                return value.ToString();
        }
        return null;
    }
}
