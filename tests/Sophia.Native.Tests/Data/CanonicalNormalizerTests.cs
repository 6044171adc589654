using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Sophia.Native.Data.Tokenization;
using Xunit;

namespace Sophia.Native.Tests.Data;

public sealed class CanonicalNormalizerTests
{
    /// <summary>SHA-256 of the normal forms of U+0000, U+0001, ..., each with a line feed, in UTF-8, without surrogates; computed with ICU 78.2 (Unicode 17).</summary>
    private const string HashOfAllCharacters = "9cc65524a9d8082bf10840c616cd199bd2ac12ee49a3381bd6fb7957711f342b";

    [Fact]
    public void Every_single_character_has_the_normal_form_of_ICU()
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (int code = 0; code <= 0x10FFFF; code++)
        {
            if (code is >= 0xD800 and <= 0xDFFF) continue;
            hash.AppendData(Encoding.UTF8.GetBytes(CanonicalNormalizer.Normalize(char.ConvertFromUtf32(code)) + "\n"));
        }

        Assert.Equal(HashOfAllCharacters, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    [Fact]
    public void Random_texts_of_marks_letters_and_syllables_have_the_normal_form_of_ICU()
    {
        int changed = 0;
        foreach (string line in File.ReadLines(TestData.Golden("tokenizer/nfc.jsonl")))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            string text = document.RootElement.GetProperty("text").GetString()!;
            string expected = document.RootElement.GetProperty("nfc").GetString()!;
            Assert.Equal(expected, CanonicalNormalizer.Normalize(text));
            Assert.Equal(expected, CanonicalNormalizer.Normalize(expected));
            if (text != expected) changed++;
        }

        Assert.True(changed > 200, $"only {changed} texts change");
    }

    [Fact]
    public void A_normal_text_is_returned_as_it_is()
    {
        const string text = "plain, né, 漢字, 한글, 𝑥";
        Assert.Same(text, CanonicalNormalizer.Normalize(text));
    }

    [Fact]
    public void A_run_of_a_hundred_thousand_marks_is_sorted_in_time()
    {
        string text = "a" + string.Concat(Enumerable.Repeat("\u0301\u0323", 50_000));
        string normal = CanonicalNormalizer.Normalize(text);
        Assert.Equal("ạ" + new string('\u0323', 49_999) + new string('\u0301', 50_000), normal);
    }

    [Fact]
    public void Lone_surrogates_pass_through() => Assert.Equal("\uD800é\uDC00", CanonicalNormalizer.Normalize("\uD800e\u0301\uDC00"));
}
