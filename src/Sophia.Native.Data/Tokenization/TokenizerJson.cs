using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Data.Tokenization;

/// <summary>The JSON files of a tokenizer folder in the layout of Hugging Face, as far as they are the same for every kind of tokenizer.</summary>
internal static class TokenizerJson
{
    public const string ConfigurationFile = "tokenizer_config.json";

    private const string AddedTokensFile = "added_tokens.json";
    private const string SpecialTokensFile = "special_tokens_map.json";
    private const long LargestFile = 256L << 20;

    private static readonly JsonWriterOptions s_writerOptions = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Collects the added tokens of a folder from the files that are there.</summary>
    public static void ReadAddedTokens(string folder, AddedTokenReader reader)
    {
        string added = Path.Combine(folder, AddedTokensFile), configuration = Path.Combine(folder, ConfigurationFile), special = Path.Combine(folder, SpecialTokensFile);
        if (File.Exists(added)) reader.AddIds(ReadIds(added), added);
        if (File.Exists(configuration)) reader.AddConfiguration(ReadBytes(configuration), configuration);
        if (File.Exists(special)) reader.AddSpecialTokens(ReadBytes(special), special);
    }

    /// <summary>Writes added_tokens.json and special_tokens_map.json.</summary>
    public static void WriteAddedTokens(string folder, ImmutableArray<AddedToken> tokens, Action<Utf8JsonWriter> writeRoles)
    {
        Write(Path.Combine(folder, AddedTokensFile), writer =>
        {
            foreach (AddedToken token in tokens) writer.WriteNumber(token.Text, token.Id);
        });
        Write(Path.Combine(folder, SpecialTokensFile), writer =>
        {
            writer.WriteStartArray("additional_special_tokens");
            foreach (AddedToken token in tokens)
            {
                if (token.IsSpecial) writer.WriteStringValue(token.Text);
            }

            writer.WriteEndArray();
            writeRoles(writer);
        });
    }

    /// <summary>Writes added_tokens_decoder of tokenizer_config.json.</summary>
    public static void WriteDecoder(Utf8JsonWriter writer, ImmutableArray<AddedToken> tokens)
    {
        writer.WriteStartObject("added_tokens_decoder");
        foreach (AddedToken token in tokens)
        {
            writer.WriteStartObject(token.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));
            writer.WriteString("content", token.Text);
            writer.WriteBoolean("lstrip", false);
            writer.WriteBoolean("normalized", false);
            writer.WriteBoolean("rstrip", false);
            writer.WriteBoolean("single_word", false);
            writer.WriteBoolean("special", token.IsSpecial);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    /// <summary>Writes a JSON object.</summary>
    public static void Write(string path, Action<Utf8JsonWriter> writeMembers) => AtomicFile.Write(path, stream =>
    {
        using Utf8JsonWriter writer = new(stream, s_writerOptions);
        writer.WriteStartObject();
        writeMembers(writer);
        writer.WriteEndObject();
    });

    /// <summary>Reads a JSON object of token texts and ids.</summary>
    public static Dictionary<string, int> ReadIds(string path)
    {
        byte[] bytes = ReadBytes(path);
        Dictionary<string, int> ids = new(bytes.Length / 16);
        Utf8JsonReader reader = new(WithoutByteOrderMark(bytes));
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw new InvalidDataException($"{path}: expected a JSON object of tokens and ids, found {reader.TokenType}.");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string token = reader.GetString()!;
                reader.Read();
                if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id))
                    throw new InvalidDataException($"{path}: expected a whole number as the id of the token '{token}', found {reader.TokenType} '{Encoding.UTF8.GetString(reader.ValueSpan)}'.");
                if (!ids.TryAdd(token, id)) throw new InvalidDataException($"{path}: expected each token once, found '{token}' twice.");
            }

            reader.Read();
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // InvalidOperationException is what GetString says to a name that is not UTF-8 or has half a surrogate pair.
            throw new InvalidDataException($"{path}: expected JSON, found a fault: {fault.Message}", fault);
        }

        return ids;
    }

    /// <summary>Reads a JSON object.</summary>
    public static JsonDocument Parse(byte[] json, string path)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json.AsMemory(json.Length - WithoutByteOrderMark(json).Length));
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"{path}: expected JSON, found a fault: {fault.Message}", fault);
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
        JsonValueKind kind = document.RootElement.ValueKind;
        document.Dispose();
        throw new InvalidDataException($"{path}: expected a JSON object, found {kind}.");
    }

    /// <summary>Reads a whole file of a bounded size.</summary>
    public static byte[] ReadBytes(string path)
    {
        FileInfo file = new(path);
        if (!file.Exists) throw new InvalidDataException($"{path}: expected this file of a tokenizer, found none; {TokenizerFolder.Expectation}.");
        if (file.Length > LargestFile) throw new InvalidDataException($"{path}: expected a file of at most {LargestFile} bytes, found {file.Length}.");
        return File.ReadAllBytes(path);
    }

    public static ReadOnlySpan<byte> WithoutByteOrderMark(ReadOnlySpan<byte> bytes) => bytes.StartsWith("\uFEFF"u8) ? bytes[3..] : bytes;
}
