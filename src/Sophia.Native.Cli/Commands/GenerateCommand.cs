using System.CommandLine;
using System.Text.Json;
using Sophia.Native.Data.Records;
using Sophia.Native.Data.Tokenization;
using Sophia.Native.Models.Generation;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia generate</c>: completions of a prompt or of records.</summary>
internal static class GenerateCommand
{
    private const int RecordsAtOnce = 256;

    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "checkpoint folder", Required = true };
        var prompt = new Option<string?>("--prompt") { Description = "what the user says" };
        var image = new Option<string[]>("--image") { Description = "an image; may be repeated", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
        var data = new Option<string?>("--data") { Description = "questions or raw records" };
        var adapter = AdapterFlag.Create();
        var output = new Option<string?>("--out") { Description = "where records go; stdout without it" };
        var command = new Command("generate", "Completions, streamed on a terminal; temperature 0 is greedy.") { model, adapter, prompt, image, data, output };
        var sampling = new SamplingFlags(command, 0f, 1024);
        command.SetAction((parsed, cancellation) =>
        {
            var (text, records) = (parsed.GetValue(prompt), parsed.GetValue(data));
            if (text is null == records is null)
                throw new UsageException("generate: give either --prompt or --data.");
            if (records is not null && parsed.GetValue(image)!.Length > 0)
                throw new UsageException("generate: --image belongs to --prompt; records name their images themselves.");
            if (text is not null && parsed.GetValue(output) is not null)
                throw new UsageException("generate: --out belongs to --data; a prompt's completion goes to stdout.");
            sampling.Check(parsed);
            OutputPlace.RequireFile(parsed.GetValue(output));
            var rows = records is null ? [] : DataFile.Read(records);
            using var session = ModelSession.Open(parsed, parsed.GetValue(model)!, parsed.GetValue(adapter));
            var options = session.Generation(parsed, sampling);
            if (text is not null)
                Complete(session, new(parsed), text, parsed.GetValue(image)!, options, cancellation);
            else
                CompleteAll(session, new(parsed), rows, parsed.GetValue(output), options, cancellation);
            return Task.FromResult(0);
        });
        return command;
    }

    private static void Complete(ModelSession session, CommandOutput output, string text, string[] images, GenerationOptions options, CancellationToken cancellation)
    {
        foreach (var image in images)
        {
            if (!File.Exists(image))
                throw new FileNotFoundException($"{image}: expected an image, found no such file.", image);
        }
        var prompt = session.Processor.Process(null, text, images);
        GenerationRequest[] requests = [new() { Id = "--prompt", PromptIds = prompt.Ids, PixelValues = prompt.PixelValues, TileCount = prompt.TileCount }];
        using var generator = new Generator(session.Model, GeneratorPlan.For(requests, options.MaximumNewTokens));
        if (output.IsJson)
        {
            var result = generator.Generate(requests, options, cancellation)[0];
            output.Json(json => WriteResult(json, session, result, options));
            return;
        }
        var decoder = new IncrementalDecoder(session.Processor.Tokenizer, skipSpecialTokens: true);
        generator.TokenDrawn = (_, id, _) =>
        {
            output.Out.Write(decoder.Append(id));
            output.Out.Flush();
        };
        try
        {
            generator.Generate(requests, options, cancellation);
        }
        finally
        {
            output.Out.WriteLine(decoder.Flush());
        }
    }

    private static void CompleteAll(ModelSession session, CommandOutput output, List<DataRecord> records, string? path, GenerationOptions options, CancellationToken cancellation)
    {
        var progress = new GenerationProgress(new(output, "generate:", records.Count), options);
        progress.Start();
        output.Records(path, lines =>
        {
            for (var first = 0; first < records.Count; first += RecordsAtOnce)
            {
                var requests = new GenerationRequest[Math.Min(RecordsAtOnce, records.Count - first)];
                for (var i = 0; i < requests.Length; i++)
                    requests[i] = session.Encoder.ToRequest(records[first + i], first + i) with { Id = records[first + i].Location };
                using var generator = new Generator(session.Model, GeneratorPlan.For(requests, options.MaximumNewTokens));
                progress.Watch(generator, requests.Length);
                var results = generator.Generate(requests, options, cancellation);
                for (var i = 0; i < results.Length; i++)
                {
                    var (record, result) = (records[first + i], results[i]);
                    lines.Write(json =>
                    {
                        record.WriteId(json);
                        WriteResult(json, session, result, options);
                    });
                }
                progress.Finish(first + results.Length);
            }
        });
        if (path is not null)
            output.Json(json => json.WriteNumber("records", records.Count));
    }

    private static void WriteResult(Utf8JsonWriter json, ModelSession session, GenerationResult result, GenerationOptions options)
    {
        if (session.Processor.HasTokenizer)
            json.WriteString("text", session.Processor.DecodeResponse(result.OutputIds));
        json.WriteStartArray("output_ids");
        foreach (var id in result.OutputIds)
            json.WriteNumberValue(id);
        json.WriteEndArray();
        json.WriteStartArray("logprobs");
        foreach (var logProbability in result.LogProbabilities)
            json.WriteNumberValue(logProbability);
        json.WriteEndArray();
        json.WriteString("finish_reason", result.FinishReason == FinishReason.Stop ? "stop" : "length");
        json.WriteNumber("temperature", options.Sampling.Temperature == 0 ? 1f : options.Sampling.Temperature);
        if (session.RopeLength is { } length)
            json.WriteNumber("rope_length", length);
        if (options.RepetitionPenalty != 1f)
            json.WriteNumber("repetition_penalty", options.RepetitionPenalty);
        if (options.IsTruncated)
            json.WriteBoolean("truncated_sampling", true);
    }
}
