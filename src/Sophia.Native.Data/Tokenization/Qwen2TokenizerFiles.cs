using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Data.Tokenization;

/// <summary>Reads and writes the files of a Qwen2 tokenizer folder in the layout of Hugging Face.</summary>
internal static class Qwen2TokenizerFiles
{
    public const string VocabularyFile = "vocab.json";
    private const string MergesFile = "merges.txt";

    public static Qwen2Tokenizer Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder)) throw new InvalidDataException($"{folder}: expected a tokenizer folder with {VocabularyFile} and {MergesFile}, found no such folder.");
        if (!File.Exists(Path.Combine(folder, VocabularyFile)) && File.Exists(Path.Combine(folder, FastTokenizerFile.Name))) return FastTokenizerFile.Load(folder);
        Dictionary<string, int> vocabulary = TokenizerJson.ReadIds(Path.Combine(folder, VocabularyFile));
        ImmutableArray<BytePairMerge> merges = ReadMerges(Path.Combine(folder, MergesFile), vocabulary);
        AddedTokenReader added = new(vocabulary);
        TokenizerJson.ReadAddedTokens(folder, added);
        return new Qwen2Tokenizer(vocabulary, merges, added.ToTokens(), folder);
    }

    public static void Save(Qwen2Tokenizer tokenizer, string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        Directory.CreateDirectory(folder);
        TokenizerJson.Write(Path.Combine(folder, VocabularyFile), writer =>
        {
            foreach ((string token, int id) in tokenizer.Vocabulary.OrderBy(pair => pair.Value)) writer.WriteNumber(token, id);
        });
        StringBuilder merges = new("#version: 0.2\n");
        foreach (BytePairMerge merge in tokenizer.Merges) merges.Append(tokenizer.IdToToken(merge.Left)).Append(' ').Append(tokenizer.IdToToken(merge.Right)).Append('\n');
        AtomicFile.WriteAllText(Path.Combine(folder, MergesFile), merges.ToString());
        TokenizerJson.WriteAddedTokens(folder, tokenizer.AddedTokens, writer => WriteRoles(writer, tokenizer));
        TokenizerJson.Write(Path.Combine(folder, TokenizerJson.ConfigurationFile), writer =>
        {
            writer.WriteBoolean("add_bos_token", false);
            writer.WriteBoolean("add_prefix_space", false);
            TokenizerJson.WriteDecoder(writer, tokenizer.AddedTokens);
            writer.WriteNull("bos_token");
            writer.WriteBoolean("clean_up_tokenization_spaces", false);
            writer.WriteString("errors", "replace");
            WriteRoles(writer, tokenizer);
            writer.WriteBoolean("split_special_tokens", false);
            writer.WriteString("tokenizer_class", "Qwen2Tokenizer");
            writer.WriteNull("unk_token");
        });
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

    private static ImmutableArray<BytePairMerge> ReadMerges(string path, Dictionary<string, int> vocabulary)
    {
        Qwen2Vocabulary.MergeResolver resolver = new(vocabulary);
        ReadOnlySpan<byte> rest = TokenizerJson.WithoutByteOrderMark(TokenizerJson.ReadBytes(path));
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
}
