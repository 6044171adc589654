using System.Text.Json;
using Sophia.Native.Data.Tokenization;
using Xunit;

namespace Sophia.Native.Tests.Data;

public sealed class Qwen2TokenizerFilesTests
{
    [Fact]
    public void A_saved_tokenizer_loads_back_identically()
    {
        using TemporaryFolder folder = new();
        Qwen2Tokenizer original = Qwen2Tokenizer.Create(
            SmallTokenizer.Create(("Ġ", "t"), ("Ġt", "h"), ("h", "e"), ("Ġt", "he"), ("\"", "\\")).Vocabulary,
            [("Ġ", "t"), ("Ġt", "h"), ("h", "e"), ("Ġt", "he"), ("\"", "\\")],
            [new(400, "<think>", false), new(500, "<ж&\"\u2028>", true)]).WithInternVLTokens();
        original.Save(folder.Path);
        AssertSame(original, Qwen2Tokenizer.Load(folder.Path));
        Assert.Equal(501, original.TokenToId("<|endoftext|>"));
        Assert.Equal(501 + 24, original.TokenToId("<IMG_CONTEXT>"));
    }

    [Fact]
    public void The_real_vocabulary_survives_a_round_trip()
    {
        using TemporaryFolder folder = new();
        Qwen2TokenizerTests.Qwen2.Save(folder.Path);
        AssertSame(Qwen2TokenizerTests.Qwen2, Qwen2Tokenizer.Load(folder.Path));
    }

    [Fact]
    public void A_folder_without_added_tokens_has_none_until_they_are_asked_for()
    {
        using TemporaryFolder folder = new();
        Write(folder, Vocabulary(), "#version: 0.2\n");
        Assert.Empty(Qwen2Tokenizer.Load(folder.Path).AddedTokens);
        Qwen2Tokenizer extended = Qwen2Tokenizer.LoadWithInternVLTokens(folder.Path);
        Assert.Equal(31, extended.AddedTokens.Length);
        Assert.Equal(256, extended.TokenToId("<|endoftext|>"));
        Assert.Equal(256 + 22, extended.TokenToId("<img>"));
        Assert.Same(extended, extended.WithInternVLTokens());
    }

    [Fact]
    public void Tokens_the_folder_names_keep_their_ids_and_holes_are_fine()
    {
        using TemporaryFolder folder = new();
        Write(folder, Vocabulary(), "");
        folder.Write("added_tokens.json", """{"<IMG_CONTEXT>": 700, "<mine>": 600}""");
        folder.Write("tokenizer_config.json", """{"added_tokens_decoder": {"600": {"content": "<mine>", "special": true}, "601": {"content": "<plain>", "special": false}}, "model_max_length": 8192}""");
        folder.Write("special_tokens_map.json", """{"eos_token": {"content": "<plain>"}, "pad_token": "<absent>", "additional_special_tokens": ["!"]}""");
        Qwen2Tokenizer tokenizer = Qwen2Tokenizer.LoadWithInternVLTokens(folder.Path);
        Assert.Equal(700, tokenizer.TokenToId("<IMG_CONTEXT>"));
        Assert.True(tokenizer.IsSpecial(700));
        Assert.True(tokenizer.IsSpecial(600));
        Assert.True(tokenizer.IsSpecial(601));
        Assert.True(tokenizer.IsSpecial('!'));
        Assert.False(tokenizer.IsSpecial('"'));
        Assert.Equal(701, tokenizer.TokenToId("<|endoftext|>"));
        Assert.False(tokenizer.Contains(300));
    }

    [Fact]
    public void Windows_line_ends_and_a_byte_order_mark_do_no_harm()
    {
        using TemporaryFolder folder = new();
        Write(folder, Vocabulary("ab"), "\uFEFF#version: 0.2\r\na b\r\n");
        Assert.Equal([256], Qwen2Tokenizer.Load(folder.Path).Encode("ab"));
    }

    [Fact]
    public void Bad_files_are_errors_that_name_the_file_and_the_fault()
    {
        AssertFault("vocab.json", "found none", vocabulary: null, merges: "");
        AssertFault("merges.txt", "found none", Vocabulary(), merges: null);
        AssertFault("vocab.json", "expected JSON", "{\"a\": 1,", "");
        AssertFault("vocab.json", "expected JSON", "{\"a\": 1} x", "");
        AssertFault("vocab.json", "expected JSON", "{\"\\ud800\": 1}", "");
        AssertFault("vocab.json", "object", "[1]", "");
        AssertFault("vocab.json", "'a' twice", "{\"a\": 1, \"a\": 2}", "");
        AssertFault("vocab.json", "whole number", "{\"a\": 1.5}", "");
        AssertFault("", "found -1", "{\"a\": -1}", "");
        AssertFault("", "found 2000000000", "{\"a\": 2000000000}", "");
        AssertFault("", "id 65 for both", Vocabulary().Replace("\"B\":66", "\"B\":65"), "");
        AssertFault("", "byte 0x42", Vocabulary().Replace("\"B\":66,", ""), "");
        AssertFault("merges.txt(2)", "'xy'", Vocabulary(), "#version: 0.2\nx y\n");
        AssertFault("merges.txt(3)", "'zz'", Vocabulary("xy"), "#version: 0.2\nx y\nzz a\n");
        AssertFault("merges.txt(1)", "one space", Vocabulary(), "xy\n");
        AssertFault("merges.txt(1)", "one space", Vocabulary(), "x y z\n");
        AssertFault("merges.txt(2)", "again", Vocabulary("xy"), "x y\nx y\n");
        AssertFault("added_tokens.json", "expected JSON", Vocabulary(), "", ("added_tokens.json", "{"));
        AssertFault("tokenizer_config.json", "Array", Vocabulary(), "", ("tokenizer_config.json", "[]"));
        AssertFault("tokenizer_config.json", "'lstrip'", Vocabulary(), "", ("tokenizer_config.json", """{"added_tokens_decoder": {"300": {"content": "<a>", "lstrip": true}}}"""));
        AssertFault("tokenizer_config.json", "'x'", Vocabulary(), "", ("tokenizer_config.json", """{"added_tokens_decoder": {"x": {"content": "<a>"}}}"""));
        AssertFault("tokenizer_config.json", "301 here and 300", Vocabulary(), "", ("added_tokens.json", """{"<a>": 300}"""), ("tokenizer_config.json", """{"added_tokens_decoder": {"301": {"content": "<a>"}}}"""));
        AssertFault("", "id 66 for both", Vocabulary(), "", ("added_tokens.json", """{"<a>": 66}"""));
        AssertFault("special_tokens_map.json", "expected JSON", Vocabulary(), "", ("special_tokens_map.json", "nonsense"));
    }

    [Fact]
    public void A_missing_folder_is_an_error_that_names_it() =>
        Assert.StartsWith("no/such/folder: ", Assert.Throws<InvalidDataException>(() => Qwen2Tokenizer.Load("no/such/folder")).Message);

    private static void AssertFault(string file, string fault, string? vocabulary, string? merges, params (string Name, string Text)[] others)
    {
        using TemporaryFolder folder = new();
        Write(folder, vocabulary, merges);
        foreach ((string name, string text) in others) folder.Write(name, text);
        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => Qwen2Tokenizer.Load(folder.Path));
        Assert.StartsWith(Path.Combine(folder.Path, file), exception.Message);
        Assert.Contains(fault, exception.Message);
    }

    private static void AssertSame(Qwen2Tokenizer expected, Qwen2Tokenizer actual)
    {
        Assert.Equal(expected.VocabularySize, actual.VocabularySize);
        Assert.Equal(expected.AddedTokens, actual.AddedTokens);
        Assert.Equal(expected.Merges, actual.Merges);
        for (int id = 0; id < expected.VocabularySize; id++) Assert.Equal(expected.IdToToken(id), actual.IdToToken(id));
        Assert.Equal(expected.Vocabulary.OrderBy(pair => pair.Value), actual.Vocabulary.OrderBy(pair => pair.Value));
    }

    /// <summary>The 256 bytes and further tokens after them.</summary>
    private static string Vocabulary(params string[] further)
    {
        IEnumerable<string> tokens = Enumerable.Range(0, 256).Select(SmallTokenizer.Symbol).Concat(further);
        return "{" + string.Join(",", tokens.Select((token, id) => $"{JsonSerializer.Serialize(token, JsonSerializerOptions.Default).Replace("\\u0042", "B")}:{id}")) + "}";
    }

    private static void Write(TemporaryFolder folder, string? vocabulary, string? merges)
    {
        if (vocabulary is not null) folder.Write("vocab.json", vocabulary);
        if (merges is not null) folder.Write("merges.txt", merges);
    }
}
