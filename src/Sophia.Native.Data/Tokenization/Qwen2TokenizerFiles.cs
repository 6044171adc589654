using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Data.Tokenization;

/// <summary>Reads and writes the files of a Qwen2 tokenizer folder in the layout of Hugging Face.</summary>
internal static class Qwen2TokenizerFiles
{
    private const string VocabularyFile = "vocab.json";
    private const string MergesFile = "merges.txt";
    private const string AddedTokensFile = "added_tokens.json";
    private const string ConfigurationFile = "tokenizer_config.json";
    private const string SpecialTokensFile = "special_tokens_map.json";
    private const long LargestFile = 256L << 20;

    private static readonly JsonWriterOptions s_writerOptions = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Qwen2Tokenizer Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder)) throw new InvalidDataException($"{folder}: expected a tokenizer folder with {VocabularyFile} and {MergesFile}, found no such folder.");
        Dictionary<string, int> vocabulary = ReadIds(Path.Combine(folder, VocabularyFile));
        ImmutableArray<BytePairMerge> merges = ReadMerges(Path.Combine(folder, MergesFile), vocabulary);
        AddedTokenReader added = new(vocabulary);
        string addedTokens = Path.Combine(folder, AddedTokensFile), configuration = Path.Combine(folder, ConfigurationFile), special = Path.Combine(folder, SpecialTokensFile);
        if (File.Exists(addedTokens)) added.AddIds(ReadIds(addedTokens), addedTokens);
        if (File.Exists(configuration)) added.AddConfiguration(ReadBytes(configuration), configuration);
        if (File.Exists(special)) added.AddSpecialTokens(ReadBytes(special), special);
        return new Qwen2Tokenizer(vocabulary, merges, added.ToTokens(), folder);
    }

    public static void Save(Qwen2Tokenizer tokenizer, string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        Directory.CreateDirectory(folder);
        WriteJson(Path.Combine(folder, VocabularyFile), writer =>
        {
            foreach ((string token, int id) in tokenizer.Vocabulary.OrderBy(pair => pair.Value)) writer.WriteNumber(token, id);
        });
        StringBuilder merges = new("#version: 0.2\n");
        foreach (BytePairMerge merge in tokenizer.Merges) merges.Append(tokenizer.IdToToken(merge.Left)).Append(' ').Append(tokenizer.IdToToken(merge.Right)).Append('\n');
        AtomicFile.WriteAllText(Path.Combine(folder, MergesFile), merges.ToString());
        WriteJson(Path.Combine(folder, AddedTokensFile), writer =>
        {
            foreach (AddedToken token in tokenizer.AddedTokens) writer.WriteNumber(token.Text, token.Id);
        });
        WriteJson(Path.Combine(folder, SpecialTokensFile), writer =>
        {
            writer.WriteStartArray("additional_special_tokens");
            foreach (AddedToken token in tokenizer.AddedTokens)
            {
                if (token.IsSpecial) writer.WriteStringValue(token.Text);
            }

            writer.WriteEndArray();
            WriteRoles(writer, tokenizer);
        });
        WriteJson(Path.Combine(folder, ConfigurationFile), writer =>
        {
            writer.WriteBoolean("add_bos_token", false);
            writer.WriteBoolean("add_prefix_space", false);
            WriteAddedTokens(writer, tokenizer.AddedTokens);
            writer.WriteNull("bos_token");
            writer.WriteBoolean("clean_up_tokenization_spaces", false);
            writer.WriteString("errors", "replace");
            WriteRoles(writer, tokenizer);
            writer.WriteBoolean("split_special_tokens", false);
            writer.WriteString("tokenizer_class", "Qwen2Tokenizer");
            writer.WriteNull("unk_token");
        });
    }

    private static void WriteAddedTokens(Utf8JsonWriter writer, ImmutableArray<AddedToken> tokens)
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

    private static void WriteRoles(Utf8JsonWriter writer, Qwen2Tokenizer tokenizer)
    {
        WriteRole("eos_token", InternVLTokens.MessageEnd);
        WriteRole("pad_token", InternVLTokens.EndOfText);

        void WriteRole(string name, string text)
        {
            // A role would make the token special on loading, so it is named only where it is.
            if (tokenizer.TokenToId(text) is { } id && tokenizer.IsSpecial(id)) writer.WriteString(name, text);
        }
    }

    private static void WriteJson(string path, Action<Utf8JsonWriter> writeMembers) => AtomicFile.Write(path, stream =>
    {
        using Utf8JsonWriter writer = new(stream, s_writerOptions);
        writer.WriteStartObject();
        writeMembers(writer);
        writer.WriteEndObject();
    });

    /// <summary>Reads a JSON object of token texts and ids.</summary>
    private static Dictionary<string, int> ReadIds(string path)
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

    private static ImmutableArray<BytePairMerge> ReadMerges(string path, Dictionary<string, int> vocabulary)
    {
        Qwen2Vocabulary.MergeResolver resolver = new(vocabulary);
        ReadOnlySpan<byte> rest = WithoutByteOrderMark(ReadBytes(path));
        char[] characters = [];
        for (int line = 1; !rest.IsEmpty; line++)
        {
            int end = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> bytes = (end < 0 ? rest : rest[..end]).TrimEnd((byte)'\r');
            rest = end < 0 ? [] : rest[(end + 1)..];
            if (bytes.IsEmpty || (line == 1 && bytes.StartsWith("#version"u8))) continue;
            if (bytes.Length > characters.Length) characters = new char[bytes.Length * 2];
            ReadOnlySpan<char> text = characters.AsSpan(0, Encoding.UTF8.GetChars(bytes, characters));
            int space = text.IndexOf(' ');
            if (space <= 0 || space == text.Length - 1 || text[(space + 1)..].Contains(' '))
                throw new InvalidDataException($"{path}({line}): expected two tokens with one space between them, found '{Shorten(text)}'.");
            resolver.Add(text[..space], text[(space + 1)..], new Qwen2Vocabulary.MergePlace(path, line));
        }

        return resolver.ToImmutable();
    }

    private static string Shorten(ReadOnlySpan<char> text) => text.Length <= 80 ? text.ToString() : string.Concat(text[..80], "...");

    private static byte[] ReadBytes(string path)
    {
        FileInfo file = new(path);
        if (!file.Exists) throw new InvalidDataException($"{path}: expected this file of a Qwen2 tokenizer, found none; a tokenizer folder needs {VocabularyFile} and {MergesFile}.");
        if (file.Length > LargestFile) throw new InvalidDataException($"{path}: expected a file of at most {LargestFile} bytes, found {file.Length}.");
        return File.ReadAllBytes(path);
    }

    private static ReadOnlySpan<byte> WithoutByteOrderMark(ReadOnlySpan<byte> bytes) => bytes.StartsWith("\uFEFF"u8) ? bytes[3..] : bytes;
}
