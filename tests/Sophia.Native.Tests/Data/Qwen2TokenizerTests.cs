using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using CsCheck;
using Sophia.Native.Data.Tokenization;
using Xunit;

namespace Sophia.Native.Tests.Data;

public sealed class Qwen2TokenizerTests
{
    private static readonly string[] s_pieces = ["<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>", "<|im_start|>", " ", "\n", "'s"];

    private static readonly Lazy<Qwen2Tokenizer> s_qwen2 = new(() => Qwen2Tokenizer.LoadWithInternVLTokens(TestData.Data("qwen2-tokenizer")));

    /// <summary>The tokenizer of InternVL with the real vocabulary; skips where the vocabulary is absent.</summary>
    internal static Qwen2Tokenizer Qwen2
    {
        get
        {
            TestData.Data("qwen2-tokenizer");
            return s_qwen2.Value;
        }
    }

    [Fact]
    public void Ids_and_both_decodings_of_the_golden_texts_are_exact()
    {
        int count = 0;
        foreach (JsonElement line in JsonLinesOf("tokenizer/qwen2_tokens.jsonl"))
        {
            string text = line.GetProperty("text").GetString()!;
            int[] expected = IdsOf(line.GetProperty("ids"));
            Assert.True(expected.AsSpan().SequenceEqual(Qwen2.Encode(text)), $"'{text}': expected {string.Join(',', expected)}, found {string.Join(',', Qwen2.Encode(text))}");
            Assert.Equal(line.GetProperty("decoded").GetString(), Qwen2.Decode(expected));
            Assert.Equal(line.GetProperty("decoded_skip_special").GetString(), Qwen2.Decode(expected, skipSpecialTokens: true));
            count++;
        }

        Assert.Equal(120, count);
    }

    [Fact]
    public void The_added_tokens_have_the_ids_and_flags_of_InternVL()
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(TestData.Golden("tokenizer/added_tokens.json")));
        AddedToken[] expected = [.. golden.RootElement.EnumerateArray().Select(token =>
            new AddedToken(token.GetProperty("id").GetInt32(), token.GetProperty("content").GetString()!, token.GetProperty("special").GetBoolean()))];
        Assert.Equal(31, expected.Length);
        Assert.Equal(expected, Qwen2.AddedTokens);
        Assert.Equal(151674, Qwen2.VocabularySize);
    }

    [Fact]
    public void Decode_of_encode_is_the_normalized_text() =>
        TextGenerator.Sample(text => Assert.Equal(NormalizeBetweenTokens(text), Qwen2.Decode(Qwen2.Encode(text))), iter: 5_000, print: text => JsonSerializer.Serialize(text));

    [Fact]
    public void Decode_of_encode_holds_for_a_vocabulary_of_bytes_too()
    {
        Qwen2Tokenizer bytes = SmallTokenizer.Create();
        TextGenerator.Sample(text =>
        {
            int[] ids = bytes.Encode(text);
            Assert.Equal(Encoding.UTF8.GetBytes(Normalize(text)), ids.Select(id => (byte)id));
            Assert.Equal(Normalize(text), bytes.Decode(ids));
        }, iter: 5_000, print: text => JsonSerializer.Serialize(text));
    }

    [Fact]
    public void Ids_do_not_depend_on_what_was_encoded_before()
    {
        Qwen2Tokenizer fresh = Qwen2Tokenizer.LoadWithInternVLTokens(TestData.Data("qwen2-tokenizer"));
        const string text = "The same words, the same ids: naïve café 12 <img> the same.";
        int[] first = fresh.Encode(text);
        Assert.Equal(first, fresh.Encode(text));
        Assert.Equal(first, Qwen2.Encode(text));
    }

    [Fact]
    public void Added_tokens_are_ordinary_text_on_request()
    {
        const string text = "a<|im_end|>b";
        Assert.Contains(151645, Qwen2.Encode(text));
        int[] ids = Qwen2.Encode(text, splitAddedTokens: false);
        Assert.DoesNotContain(ids, id => id >= 151643);
        Assert.Equal(text, Qwen2.Decode(ids));
    }

    [Fact]
    public void Of_added_tokens_that_begin_alike_the_longest_wins()
    {
        Qwen2Tokenizer bytes = SmallTokenizer.Create();
        Qwen2Tokenizer tokenizer = Qwen2Tokenizer.Create(bytes.Vocabulary, [], [new(300, "<a>", true), new(301, "<a><b>", false), new(302, "<a><b><c>", true)]);
        Assert.Equal([301, '<', 'c', 300, '<', 'a', 302], tokenizer.Encode("<a><b><c<a><a<a><b><c>"));
        Assert.Equal(303, tokenizer.VocabularySize);
        Assert.False(tokenizer.Contains(299));
    }

    [Fact]
    public void Bytes_that_are_no_text_and_ids_that_are_no_token_decode_to_replacement_characters()
    {
        Qwen2Tokenizer bytes = SmallTokenizer.Create();
        Assert.Equal("a\uFFFDb", bytes.Decode([0x61, 0xC3, 0x62]));
        Assert.Equal("\uFFFD\uFFFD", bytes.Decode([0xFF, 0xFE]));
        Assert.Equal("x\uFFFD\uFFFD", bytes.Decode([0x78, 999, -1]));
        Assert.Null(bytes.IdToToken(999));
        Assert.Equal("\uFFFD", bytes.Decode(bytes.Encode("\uDC00")));
    }

    [Fact]
    public void A_word_of_a_hundred_thousand_characters_is_encoded_in_time()
    {
        string word = string.Concat(Enumerable.Range(0, 100_000).Select(i => (char)('a' + i * i % 26)));
        System.Diagnostics.Stopwatch watch = System.Diagnostics.Stopwatch.StartNew();
        int[] ids = Qwen2.Encode(word);
        Assert.Equal(word, Qwen2.Decode(ids));

        // A quadratic merge loop takes minutes; this takes a fraction of a second even on a loaded machine.
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 15);
        Assert.Equal(new string('a', 100_000), Qwen2.Decode(Qwen2.Encode(new string('a', 100_000))));
        Assert.Equal(new string(' ', 100_000), Qwen2.Decode(Qwen2.Encode(new string(' ', 100_000))));
    }

    [Fact]
    public void Encoding_from_several_threads_gives_the_same_ids()
    {
        Qwen2Tokenizer tokenizer = Qwen2;
        string[] texts = [.. Enumerable.Range(0, 200).Select(i => $"word{i} другой {i * 7919} текст 第{i}回 𝑥{i}")];
        int[][] expected = [.. texts.Select(text => tokenizer.Encode(text))];
        Qwen2Tokenizer fresh = Qwen2Tokenizer.LoadWithInternVLTokens(TestData.Data("qwen2-tokenizer"));
        Parallel.For(0, 4, _ =>
        {
            for (int i = 0; i < texts.Length; i++) Assert.Equal(expected[i], fresh.Encode(texts[i]));
        });
    }

    internal static Gen<string> TextGenerator { get; } = Gen.Frequency(
        (4, Gen.Char[' ', '~'].Select(character => character.ToString())),
        (2, Gen.Char['\u00A0', '\u0500'].Select(character => character.ToString())),
        (1, Gen.Char['\u0300', '\u036F'].Select(character => character.ToString())),
        (1, Gen.Char['\u1100', '\u11FF'].Select(character => character.ToString())),
        (1, Gen.Char.Select(character => character.ToString())),
        (1, Gen.Int[0x10000, 0x10FFFF].Select(char.ConvertFromUtf32)),
        (1, Gen.Int[0, s_pieces.Length - 1].Select(i => s_pieces[i]))).Array[0, 40].Select(string.Concat);

    /// <summary>The normal form, and what UTF-8 makes of half a surrogate pair.</summary>
    private static string Normalize(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(CanonicalNormalizer.Normalize(text)));

    /// <summary>Added tokens are cut out first: the ">" of one does not compose with a mark that follows it.</summary>
    private static string NormalizeBetweenTokens(string text) =>
        string.Concat(Regex.Split(text, @"(<\|im_end\|>|<\|im_start\|>|</?img>|<IMG_CONTEXT>)").Select(Normalize));

    internal static int[] IdsOf(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];

    internal static IEnumerable<JsonElement> JsonLinesOf(string golden)
    {
        foreach (string line in File.ReadLines(TestData.Golden(golden)))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            yield return document.RootElement.Clone();
        }
    }
}
