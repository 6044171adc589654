using System.Text.RegularExpressions;
using CsCheck;
using Sophia.Native.Data.Tokenization;
using Xunit;

namespace Sophia.Native.Tests.Data;

public sealed class Qwen2WordSplitterTests
{
    /// <summary>The pattern as Qwen2's tokenizer states it; .NET's engine is right about it within the basic plane.</summary>
    private static readonly Regex s_pattern = new(
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|[ ]?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant);

    private static readonly string[] s_pieces =
        ["a", "Z", "é", "ж", "漢", "1", "٣", "½", "Ⅳ", " ", "  ", "\t", "\u00A0", "\u3000", "\u2028", "\u0085", "\r", "\n", "\r\n", ".", "!?", "'", "'s", "'LL", "'Ve", "'x", "\u0301", "\u200B", "_", "€"];

    [Fact]
    public void Words_are_those_of_the_pattern() =>
        Gen.Int[0, s_pieces.Length - 1].Select(i => s_pieces[i]).Array[0, 24].Select(string.Concat).Sample(text => Assert.Equal(s_pattern.Matches(text).Select(match => match.Value), Split(text)), iter: 20_000, print: text => System.Text.Json.JsonSerializer.Serialize(text));

    [Fact]
    public void Letters_and_digits_beyond_the_basic_plane_are_letters_and_digits()
    {
        Assert.Equal(["𝑥𝑦", "²", " +", " 𝕳𝖊", "𝟏", "𝟐", "𠀀𠮷野"], Split("𝑥𝑦² + 𝕳𝖊𝟏𝟐𠀀𠮷野"));
        Assert.Equal(["👍🏽", " 👍!\n", "a"], Split("👍🏽 👍!\na"));
    }

    [Fact]
    public void A_long_s_folds_to_s_in_a_contraction() => Assert.Equal(["it", "'ſ", "o"], Split("it'ſo"));

    [Fact]
    public void Lone_surrogates_are_symbols() => Assert.Equal(["a", "\uD800b", "\uDC00"], Split("a\uD800b\uDC00"));

    private static List<string> Split(string text)
    {
        List<string> words = [];
        for (int at = 0; at < text.Length;)
        {
            int length = Qwen2WordSplitter.FirstWordLength(text.AsSpan(at));
            words.Add(text.Substring(at, length));
            at += length;
        }

        return words;
    }
}
