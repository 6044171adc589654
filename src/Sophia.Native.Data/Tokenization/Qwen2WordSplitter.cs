using System.Globalization;
using System.Text;

namespace Sophia.Native.Data.Tokenization;

/// <summary>
/// Cuts a text into the words inside which Qwen2's byte pairs merge. The definition is the pattern of the Qwen2 tokenizer, alternatives in order:
/// <code>(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|[ ]?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</code>
/// It is written by hand over code points because .NET's Regex sees UTF-16 units, where a letter beyond U+FFFF is not \p{L}.
/// </summary>
internal static class Qwen2WordSplitter
{
    private enum Kind : byte
    {
        Other,
        Letter,
        Number,
        Space,
        LineBreak,
    }

    private static readonly Kind[] s_asciiKinds = MakeAsciiKinds();

    /// <summary>The length of the first word of a text that is not empty, in UTF-16 units, at least 1. Words cover the text without gaps.</summary>
    public static int FirstWordLength(ReadOnlySpan<char> text)
    {
        if (text[0] == '\'')
        {
            int contraction = ContractionLength(text);
            if (contraction > 0) return contraction;
        }

        Kind kind = KindAt(text, 0, out int width);
        if (kind == Kind.Letter) return SkipLetters(text, width);
        if (kind == Kind.Number) return width;

        if (width < text.Length)
        {
            Kind nextKind = KindAt(text, width, out int nextWidth);
            if (nextKind == Kind.Letter && kind != Kind.LineBreak) return SkipLetters(text, width + nextWidth);
            if (nextKind == Kind.Other && text[0] == ' ') return SkipOthersAndLineBreaks(text, width + nextWidth);
        }

        return kind == Kind.Other ? SkipOthersAndLineBreaks(text, width) : WhitespaceLength(text);
    }

    /// <summary>The last three alternatives: up to the last line break of the run, else all of a run that ends the text, else all but its last character.</summary>
    private static int WhitespaceLength(ReadOnlySpan<char> text)
    {
        int end = 0, afterLineBreak = 0;
        while (end < text.Length)
        {
            // All white space is in the basic plane: one unit a character.
            Kind kind = KindAt(text, end, out _);
            if (kind is not (Kind.Space or Kind.LineBreak)) break;
            end++;
            if (kind == Kind.LineBreak) afterLineBreak = end;
        }

        if (afterLineBreak > 0) return afterLineBreak;
        return end == text.Length || end == 1 ? end : end - 1;
    }

    private static int SkipLetters(ReadOnlySpan<char> text, int position)
    {
        while (position < text.Length && KindAt(text, position, out int width) == Kind.Letter) position += width;
        return position;
    }

    private static int SkipOthersAndLineBreaks(ReadOnlySpan<char> text, int position)
    {
        while (position < text.Length && KindAt(text, position, out int width) == Kind.Other) position += width;
        while (position < text.Length && text[position] is '\r' or '\n') position++;
        return position;
    }

    private static int ContractionLength(ReadOnlySpan<char> text)
    {
        if (text.Length < 2) return 0;
        char first = Fold(text[1]);
        if (first is 's' or 't' or 'm' or 'd') return 2;
        if (text.Length < 3) return 0;
        return (first, Fold(text[2])) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }

    /// <summary>Unicode case folding as far as the contractions need it: ASCII, and the long s.</summary>
    private static char Fold(char character) => character switch
    {
        >= 'A' and <= 'Z' => (char)(character | 0x20),
        '\u017F' => 's',
        _ => character,
    };

    private static Kind KindAt(ReadOnlySpan<char> text, int position, out int width)
    {
        char character = text[position];
        width = 1;
        if (character < 128) return s_asciiKinds[character];
        if (!char.IsSurrogate(character)) return KindOf(new Rune(character));

        // A lone surrogate decodes to U+FFFD, which is a symbol, as it will in UTF-8.
        Rune.DecodeFromUtf16(text[position..], out Rune rune, out width);
        return KindOf(rune);
    }

    private static Kind KindOf(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kind.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
        _ => Rune.IsWhiteSpace(rune) ? Kind.Space : Kind.Other,
    };

    private static Kind[] MakeAsciiKinds()
    {
        Kind[] kinds = new Kind[128];
        for (int i = 0; i < kinds.Length; i++) kinds[i] = i is '\r' or '\n' ? Kind.LineBreak : KindOf(new Rune(i));
        return kinds;
    }
}
