using System.Text.Json;
using System.Text.Json.Nodes;
using Sophia.Native.Data.Tokenization;
using Xunit;

namespace Sophia.Native.Tests.Data;

/// <summary>tokenizer.json, made here from the parts of a tokenizer whose ids are known.</summary>
public sealed class FastTokenizerFileTests
{
    private const string Pattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_ids_are_those_of_vocabulary_and_merges(bool mergesArePairs)
    {
        Qwen2Tokenizer known = SmallTokenizer.Create(("Ġ", "t"), ("Ġt", "h"), ("h", "e"), ("Ġt", "he"), ("1", "2"));
        known = Qwen2Tokenizer.Create(known.Vocabulary, [("Ġ", "t"), ("Ġt", "h"), ("h", "e"), ("Ġt", "he"), ("1", "2")], [new(300, "<think>", false), new(301, "<|im_end|>", true)]);
        using TemporaryFolder folder = new();
        folder.Write("tokenizer.json", Json(known, mergesArePairs).ToJsonString());
        Qwen2Tokenizer tokenizer = Assert.IsType<Qwen2Tokenizer>(TokenizerFolder.Load(folder.Path));
        Assert.True(TokenizerFolder.Exists(folder.Path));
        Assert.Equal(known.AddedTokens, tokenizer.AddedTokens);
        Assert.Equal(known.Merges, tokenizer.Merges);
        foreach (string text in (string[])["the the<think> 12 12<|im_end|>", "  e\u0301\n\n数 🙂", "'Tis the'RE"]) Assert.Equal(known.Encode(text), tokenizer.Encode(text));
    }

    [Fact]
    public void The_real_vocabulary_gives_the_golden_ids()
    {
        Qwen2Tokenizer known = Qwen2TokenizerTests.Qwen2;
        using TemporaryFolder folder = new();
        folder.Write("tokenizer.json", Json(known, false).ToJsonString());
        ITokenizer tokenizer = TokenizerFolder.LoadWithInternVLTokens(folder.Path);
        foreach (JsonElement line in Qwen2TokenizerTests.JsonLinesOf("tokenizer/qwen2_tokens.jsonl"))
            Assert.Equal(Qwen2TokenizerTests.IdsOf(line.GetProperty("ids")), tokenizer.Encode(line.GetProperty("text").GetString()!));
    }

    [Theory]
    [InlineData("normalizer", "null", "NFC")]
    [InlineData("normalizer", """{"type":"NFKC"}""", "NFKC")]
    [InlineData("pre_tokenizer", """{"type":"Metaspace"}""", "Metaspace")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Digits"},{"type":"ByteLevel"}]}""", "Digits")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\p{N}{1,3}"},"behavior":"Isolated"},{"type":"ByteLevel"}]}""", "\\p{N}{1,3}")]
    [InlineData("post_processor", """{"type":"TemplateProcessing"}""", "TemplateProcessing")]
    [InlineData("decoder", "null", "decoder")]
    [InlineData("model", """{"type":"Unigram","vocab":[]}""", "Unigram")]
    [InlineData("model", """{"type":"BPE","byte_fallback":true,"vocab":{},"merges":[]}""", "byte_fallback")]
    [InlineData("model", """{"type":"BPE","end_of_word_suffix":"</w>","vocab":{},"merges":[]}""", "</w>")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":"b"},"merges":[]}""", "'a'")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":["a"]}""", "merge 0")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":[["a","b"]]}""", "'b'")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":[7]}""", "fault")]
    [InlineData("added_tokens", """[{"id":400,"content":"<a>","lstrip":true}]""", "lstrip")]
    [InlineData("added_tokens", """[{"content":"<a>"}]""", "added_tokens")]
    public void A_part_that_says_something_else_is_refused_by_name(string part, string value, string fault)
    {
        JsonObject json = Json(SmallTokenizer.Create(("a", "b")), false);
        json[part] = JsonNode.Parse(value);
        using TemporaryFolder folder = new();
        string path = folder.Write("tokenizer.json", json.ToJsonString());
        string message = Assert.Throws<InvalidDataException>(() => TokenizerFolder.Load(folder.Path)).Message;
        Assert.StartsWith(path, message);
        Assert.Contains(fault, message);
    }

    private static JsonObject Json(Qwen2Tokenizer tokenizer, bool mergesArePairs)
    {
        JsonObject vocabulary = [];
        foreach ((string token, int id) in tokenizer.Vocabulary) vocabulary.Add(token, id);
        JsonArray merges = [], added = [];
        foreach (BytePairMerge merge in tokenizer.Merges)
        {
            (string left, string right) = (tokenizer.IdToToken(merge.Left)!, tokenizer.IdToToken(merge.Right)!);
            merges.Add(mergesArePairs ? new JsonArray(left, right) : JsonValue.Create($"{left} {right}"));
        }

        foreach (AddedToken token in tokenizer.AddedTokens)
            added.Add(new JsonObject { ["id"] = token.Id, ["content"] = token.Text, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false, ["special"] = token.IsSpecial });
        return new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = added,
            ["normalizer"] = new JsonObject { ["type"] = "NFC" },
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(
                    new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = Pattern }, ["behavior"] = "Isolated", ["invert"] = false },
                    new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = false, ["use_regex"] = false }),
            },
            ["post_processor"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = false, ["use_regex"] = false },
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = false, ["use_regex"] = false },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE", ["dropout"] = null, ["unk_token"] = null, ["continuing_subword_prefix"] = "", ["end_of_word_suffix"] = "", ["fuse_unk"] = false, ["byte_fallback"] = false,
                ["vocab"] = vocabulary, ["merges"] = merges,
            },
        };
    }
}
