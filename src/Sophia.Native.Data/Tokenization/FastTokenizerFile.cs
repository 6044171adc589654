using System.Collections.Immutable;
using System.Text.Json;

namespace Sophia.Native.Data.Tokenization;

/// <summary>
/// Reads tokenizer.json, Hugging Face's one-file form, of a tokenizer that works as Qwen2's: NFC, Qwen2's pattern, byte-level BPE. Each part of the file is compared with what this program does,
/// and a part that says something else is refused by its name, because a tokenizer that is nearly right gives wrong ids in silence.
/// </summary>
internal static class FastTokenizerFile
{
    public const string Name = "tokenizer.json";

    /// <summary>The pattern that <see cref="Qwen2WordSplitter"/> writes out, as tokenizer.json spells it.</summary>
    private const string Qwen2Pattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public static Qwen2Tokenizer Load(string folder)
    {
        string path = Path.Combine(folder, Name);
        using JsonDocument document = TokenizerJson.Parse(TokenizerJson.ReadBytes(path), path);
        JsonElement root = document.RootElement;
        try
        {
            CheckNormalizer(root, path);
            CheckWords(root, path);
            foreach (string part in (ReadOnlySpan<string>)["post_processor", "decoder"])
            {
                if (part == "decoder" || !IsNull(Member(root, part))) Require(path, part, Text(Member(root, part), "type") == "ByteLevel", "the type ByteLevel", Text(Member(root, part), "type") ?? "none");
            }

            JsonElement model = Member(root, "model");
            CheckModel(model, path);
            Dictionary<string, int> vocabulary = ReadVocabulary(model, path);
            ImmutableArray<BytePairMerge> merges = ReadMerges(model, vocabulary, path);
            AddedTokenReader added = new(vocabulary);
            if (!IsNull(Member(root, "added_tokens"))) added.AddTokens(Member(root, "added_tokens"), path);
            TokenizerJson.ReadAddedTokens(folder, added);
            return new Qwen2Tokenizer(vocabulary, merges, added.ToTokens(), path);
        }
        catch (InvalidOperationException fault)
        {
            // What JsonElement says where a value has another kind, or a text that is not UTF-8.
            throw new InvalidDataException($"{path}: expected the format of Hugging Face's tokenizers, found a fault: {fault.Message}", fault);
        }
    }

    private static void CheckNormalizer(JsonElement root, string path)
    {
        string? type = Text(Member(root, "normalizer"), "type");
        Require(path, "normalizer", type == "NFC", "the type NFC", type ?? "none");
    }

    private static void CheckWords(JsonElement root, string path)
    {
        JsonElement words = Member(root, "pre_tokenizer");
        string? type = Text(words, "type");
        Require(path, "pre_tokenizer", type == "Sequence", "a Sequence of Split and ByteLevel", type ?? "none");
        JsonElement[] parts = [.. Member(words, "pretokenizers").EnumerateArray()];
        Require(path, "pre_tokenizer", parts.Length == 2 && Text(parts[0], "type") == "Split" && Text(parts[1], "type") == "ByteLevel", "a Sequence of Split and ByteLevel",
            string.Join(", ", parts.Select(part => Text(part, "type"))));
        string? pattern = Text(Member(parts[0], "pattern"), "Regex");
        Require(path, "pre_tokenizer's pattern", pattern == Qwen2Pattern, $"Qwen2's regular expression {Qwen2Pattern}", pattern ?? "none");
        Require(path, "pre_tokenizer's Split", Text(parts[0], "behavior") == "Isolated" && !Flag(parts[0], "invert"), "behavior Isolated, not inverted", parts[0].GetRawText());
        Require(path, "pre_tokenizer's ByteLevel", !Flag(parts[1], "add_prefix_space") && !Flag(parts[1], "use_regex"), "add_prefix_space and use_regex false", parts[1].GetRawText());
    }

    private static void CheckModel(JsonElement model, string path)
    {
        string? type = Text(model, "type");
        // Old files leave the type out: only BPE has merges.
        Require(path, "model", type is "BPE" || (type is null && !IsNull(Member(model, "merges"))), "the type BPE", type ?? "none");
        foreach (string flag in (ReadOnlySpan<string>)["fuse_unk", "byte_fallback", "ignore_merges"]) Require(path, $"model.{flag}", !Flag(model, flag), "false", "true");
        foreach (string affix in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
            Require(path, $"model.{affix}", Text(model, affix) is null or "", "none", $"'{Text(model, affix)}'");
        JsonElement dropout = Member(model, "dropout");
        Require(path, "model.dropout", IsNull(dropout) || dropout.GetDouble() == 0, "none", dropout.ToString());
    }

    private static Dictionary<string, int> ReadVocabulary(JsonElement model, string path)
    {
        JsonElement member = Member(model, "vocab");
        if (member.ValueKind != JsonValueKind.Object) throw new InvalidDataException($"{path}: expected model.vocab to be an object of tokens and ids, found {member.ValueKind}.");
        Dictionary<string, int> vocabulary = [];
        foreach (JsonProperty token in member.EnumerateObject())
        {
            if (token.Value.ValueKind != JsonValueKind.Number || !token.Value.TryGetInt32(out int id)) throw new InvalidDataException($"{path}: expected a whole number as the id of '{token.Name}', found {token.Value}.");
            if (!vocabulary.TryAdd(token.Name, id)) throw new InvalidDataException($"{path}: expected each token once in model.vocab, found '{token.Name}' twice.");
        }

        return vocabulary;
    }

    /// <summary>Merges are written "left right" in older files and ["left", "right"] in newer ones.</summary>
    private static ImmutableArray<BytePairMerge> ReadMerges(JsonElement model, Dictionary<string, int> vocabulary, string path)
    {
        JsonElement member = Member(model, "merges");
        if (member.ValueKind != JsonValueKind.Array) throw new InvalidDataException($"{path}: expected model.merges to be an array, found {member.ValueKind}.");
        Qwen2Vocabulary.MergeResolver resolver = new(vocabulary);
        int rank = 0;
        foreach (JsonElement merge in member.EnumerateArray())
        {
            string[] parts = merge.ValueKind == JsonValueKind.String ? merge.GetString()!.Split(' ') : [.. merge.EnumerateArray().Select(part => part.GetString() ?? "")];
            if (parts is not [{ Length: > 0 } left, { Length: > 0 } right]) throw new InvalidDataException($"{path}: expected two tokens as merge {rank}, found {merge}.");
            resolver.Add(left, right, new Qwen2Vocabulary.MergePlace($"{path}: merge", rank++));
        }

        return resolver.ToImmutable();
    }

    private static JsonElement Member(JsonElement element, string name) => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement member) ? member : default;

    private static bool IsNull(JsonElement element) => element.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null;

    private static string? Text(JsonElement element, string name) => Member(element, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static bool Flag(JsonElement element, string name) => Member(element, name).ValueKind == JsonValueKind.True;

    private static void Require(string path, string part, bool holds, string expected, string found)
    {
        if (!holds) throw new InvalidDataException($"{path}: expected {expected} as {part}, found {found}: only tokenizers that work as Qwen2's are read from this file; put vocab.json and merges.txt, or tokenizer.model, beside it.");
    }
}
