using System.CommandLine;
using System.Text.Json;
using Sophia.Native.Data.Records;
using Sophia.Native.Data.Tokenization;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia tokenize</c>: token ids of texts, and the way back. Adds no special tokens of its own.</summary>
internal static class TokenizeCommand
{
    public static Command Create()
    {
        var tokenizer = new Option<string>("--tokenizer") { Description = "folder with vocab.json and merges.txt, or tokenizer.model, or tokenizer.json", Required = true };
        var text = new Option<string?>("--text") { Description = "the text, or with --decode token ids separated by spaces or commas" };
        var data = new Option<string?>("--data") { Description = "records with \"text\", or with --decode \"ids\"" };
        var output = new Option<string?>("--out") { Description = "where records go; stdout without it" };
        var decode = new Option<bool>("--decode") { Description = "from ids to text" };
        var command = new Command("tokenize", "Token ids of a text, or the text of token ids.") { tokenizer, text, data, output, decode };
        command.SetAction(parsed => Run(new(parsed), parsed.GetValue(tokenizer)!, parsed.GetValue(text), parsed.GetValue(data), parsed.GetValue(output), parsed.GetValue(decode)));
        return command;
    }

    private static int Run(CommandOutput report, string folder, string? text, string? data, string? output, bool decode)
    {
        if (text is null == data is null)
            throw new UsageException("tokenize: give either --text or --data.");
        OutputPlace.RequireFile(output);
        var tokenizer = TokenizerFolder.LoadWithInternVLTokens(folder);
        report.Records(output, lines =>
        {
            if (text is not null)
                Write(lines, tokenizer, decode, text, decode ? ParseIds(text) : [], "--text");
            else
                WriteAll(lines, tokenizer, data!, decode);
        });
        return 0;
    }

    private static void WriteAll(JsonLinesWriter lines, ITokenizer tokenizer, string data, bool decode)
    {
        foreach (var line in JsonLines.Read(data))
        {
            var key = decode ? "ids" : "text";
            var kind = decode ? JsonValueKind.Array : JsonValueKind.String;
            if (!line.Value.TryGetProperty(key, out var value) || value.ValueKind != kind)
                throw line.Error($"a field \"{key}\" with {(decode ? "an array of ids" : "a text")}", value.ValueKind == JsonValueKind.Undefined ? "none" : $"{value.ValueKind}");
            var ids = new List<int>();
            if (decode)
            {
                foreach (var item in value.EnumerateArray())
                    ids.Add(item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var id) ? id : throw line.Error("whole numbers in \"ids\"", item.GetRawText()));
            }
            Write(lines, tokenizer, decode, decode ? "" : value.GetString()!, ids, line.Location);
        }
    }

    private static void Write(JsonLinesWriter lines, ITokenizer tokenizer, bool decode, string text, List<int> ids, string place)
    {
        if (decode)
        {
            foreach (var id in ids)
            {
                if (!tokenizer.Contains(id))
                    throw new InvalidDataException($"{place}: expected token ids of the tokenizer, from 0 to {tokenizer.VocabularySize - 1}, found {id}.");
            }
            var decoded = tokenizer.Decode(ids.ToArray());
            lines.Write(json => json.WriteString("text", decoded));
            return;
        }
        var encoded = tokenizer.Encode(text);
        lines.Write(json =>
        {
            json.WriteStartArray("ids");
            foreach (var id in encoded)
                json.WriteNumberValue(id);
            json.WriteEndArray();
        });
    }

    private static List<int> ParseIds(string text)
    {
        var ids = new List<int>();
        foreach (var part in text.Split([' ', ',', '[', ']'], StringSplitOptions.RemoveEmptyEntries))
            ids.Add(int.TryParse(part, out var id) ? id : throw new UsageException($"--text: expected token ids separated by spaces or commas, found '{part}'."));
        return ids;
    }
}
