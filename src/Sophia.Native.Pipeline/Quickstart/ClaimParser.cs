namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// Finds the statements about objects in a caption or a trace: the word of a cell, any of "there", "is", "a", then size, color and shape.
/// Whatever does not read so is passed over: a model that writes nonsense states nothing.
/// </summary>
internal static class ClaimParser
{
    private const int NotAWord = -1;

    /// <summary>All statements of a text, in order; the same one twice counts twice.</summary>
    public static List<Claim> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var claims = new List<Claim>();
        int at = 0;
        while (NextWord(text, ref at, out Range word))
        {
            int cell = IndexOf(WorldLanguage.Cells, text.AsSpan(word));
            if (cell == NotAWord || !TryParseRest(text, at, (WorldCell)cell, out SceneObject one, out int end)) continue;
            claims.Add(new Claim(one, word.Start.Value, end - word.Start.Value));
            at = end;
        }

        return claims;
    }

    private static bool TryParseRest(string text, int at, WorldCell cell, out SceneObject one, out int end)
    {
        one = default;
        bool any;
        Range word;
        do
        {
            any = NextWord(text, ref at, out word);
        }
        while (any && text.AsSpan(word) is "there" or "is" or "a");

        int size = any ? IndexOf(WorldLanguage.Sizes, text.AsSpan(word)) : NotAWord;
        int color = size != NotAWord && NextWord(text, ref at, out word) ? IndexOf(WorldLanguage.Colors, text.AsSpan(word)) : NotAWord;
        int shape = color != NotAWord && NextWord(text, ref at, out word) ? IndexOf(WorldLanguage.Shapes, text.AsSpan(word)) : NotAWord;
        end = at;
        if (shape == NotAWord) return false;
        one = new SceneObject(cell, (ObjectSize)size, (ObjectColor)color, (ObjectShape)shape);
        return true;
    }

    /// <summary>The next word at or after <paramref name="at"/>: a run of letters, or one other character that is not white space.</summary>
    private static bool NextWord(string text, ref int at, out Range word)
    {
        while (at < text.Length && char.IsWhiteSpace(text[at])) at++;
        int start = at;
        while (at < text.Length && char.IsLetter(text[at])) at++;
        if (at == start && at < text.Length) at++;
        word = start..at;
        return at > start;
    }

    private static int IndexOf(string[] words, ReadOnlySpan<char> word)
    {
        for (int i = 0; i < words.Length; i++)
        {
            if (word.SequenceEqual(words[i])) return i;
        }

        return NotAWord;
    }
}
