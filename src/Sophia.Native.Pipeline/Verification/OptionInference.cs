namespace Sophia.Native.Pipeline.Verification;

/// <summary>Which option of a multiple-choice question an answer names: by its letter or by its text (the rules of VLMEvalKit's prefetch, made strict).</summary>
internal static class OptionInference
{
    private const string Separators = ".()[],:;!*#{}\n\r\t \"'$\\";

    /// <summary>The index of the option, or -1 where none or more than one is named.</summary>
    public static int Infer(string answer, IReadOnlyList<string> options, in ValueTolerance tolerance)
    {
        int count = Math.Min(options.Count, 26);
        string plain = AnswerText.Normalize(answer);
        int letter = LetterWithItsText(plain, options, count);
        if (letter < 0) letter = Letter(plain, count);
        if (letter >= 0) return letter;
        int text = ByEqualText(plain, options, count, tolerance);
        if (text >= 0) return text;
        letter = LetterAmongWords(answer, count);
        return letter >= 0 ? letter : ByContainedText(plain, options, count);
    }

    /// <summary>Whether two options are one: questions of MathVista have the same text under two letters.</summary>
    public static bool HaveSameText(IReadOnlyList<string> options, int first, int second) =>
        first == second || (AnswerText.Normalize(options[first]) is { Length: > 0 } text && text == AnswerText.Normalize(options[second]));

    /// <summary>"(C) A" where option C reads A: not two letters, but one and its text. Or -1.</summary>
    private static int LetterWithItsText(string plain, IReadOnlyList<string> options, int count)
    {
        ReadOnlySpan<char> rest = plain.AsSpan().Trim();
        if (rest.Length < 4 || rest[0] != '(' || rest[2] != ')' || rest[1] < 'A' || rest[1] >= 'A' + count) return -1;
        int index = rest[1] - 'A';
        return rest[3..].Trim().SequenceEqual(AnswerText.Normalize(options[index]).AsSpan().Trim()) ? index : -1;
    }

    /// <summary>An answer that is a letter: A, (A), A., option A, A) text, A: text; or -1.</summary>
    public static int Letter(string plain, int count)
    {
        ReadOnlySpan<char> rest = plain.AsSpan().Trim();
        foreach (string word in (ReadOnlySpan<string>)["option", "choice", "answer"])
        {
            if (rest.StartsWith(word, StringComparison.OrdinalIgnoreCase)) rest = rest[word.Length..].TrimStart(" :");
        }

        bool bracket = rest.Length > 0 && rest[0] is '(' or '[' or '{';
        if (bracket) rest = rest[1..].TrimStart();
        if (rest.Length == 0) return -1;
        char letter = rest.Length == 1 ? char.ToUpperInvariant(rest[0]) : rest[0];
        int index = letter - 'A';
        if (index < 0 || index >= count) return -1;
        rest = rest[1..].TrimStart();
        if (rest.Length == 0) return bracket ? -1 : index;
        bool mark = rest[0] is ')' or ']' or '}' || !bracket && rest[0] is '.' or ':';
        if (!mark) return -1;
        // Two letters in brackets behind each other, (A)(B), are not one.
        return Letter(rest[1..].ToString(), count) is var second && second >= 0 && second != index ? -1 : index;
    }

    /// <summary>Exactly one option letter among the words, and within the last five; A before another word is an article.</summary>
    private static int LetterAmongWords(string answer, int count)
    {
        List<Range> words = [];
        foreach (Range range in answer.AsSpan().SplitAny(Separators))
        {
            if (range.End.Value > range.Start.Value) words.Add(range);
        }

        int found = -1, position = 0;
        for (int i = 0; i < words.Count; i++)
        {
            ReadOnlySpan<char> word = answer.AsSpan(words[i]);
            if (word.Length != 1 || word[0] < 'A' || word[0] >= 'A' + count) continue;
            if (found >= 0 && found != word[0] - 'A') return -1;
            found = word[0] - 'A';
            position = i;
        }

        if (found < 0 || position < words.Count - 5) return -1;
        bool named = position > 0 && answer.AsSpan(words[position - 1]) is var before
            && (before.Equals("option", StringComparison.OrdinalIgnoreCase) || before.Equals("choice", StringComparison.OrdinalIgnoreCase));
        return found == 0 && position < words.Count - 1 && !named ? -1 : found;
    }

    private static int ByEqualText(string plain, IReadOnlyList<string> options, int count, in ValueTolerance tolerance)
    {
        int found = -1;
        for (int i = 0; i < count; i++)
        {
            if (!AnswerComparison.Equal(AnswerText.Normalize(options[i]), plain, tolerance)) continue;
            if (found < 0) found = i;
            else if (!HaveSameText(options, found, i)) return -1;
        }

        return found;
    }

    /// <summary>The only option whose text stands in the answer as whole words, if the answer is shorter than twice all options together.</summary>
    private static int ByContainedText(string plain, IReadOnlyList<string> options, int count)
    {
        int total = 0;
        for (int i = 0; i < count; i++) total += options[i].Length;
        if (plain.Length > 2 * total) return -1;
        int found = -1;
        for (int i = 0; i < count; i++)
        {
            string option = AnswerText.Normalize(options[i]);
            if (option.Length == 0 || !ContainsWhole(plain, option)) continue;
            if (found < 0) found = i;
            else if (!HaveSameText(options, found, i)) return -1;
        }

        return found;
    }

    /// <summary>Contained and not inside a longer word or number: 3 stands neither in 13 nor in 3.5.</summary>
    private static bool ContainsWhole(string text, string part)
    {
        for (int at = Find(text, part, 0); at >= 0; at = Find(text, part, at + 1))
        {
            int end = at + part.Length;
            bool begins = at == 0 || !char.IsLetterOrDigit(part[0]) || !(char.IsLetterOrDigit(text[at - 1]) || text[at - 1] is '.' or '-' or '\\');
            bool ends = end == text.Length || !char.IsLetterOrDigit(part[^1])
                || !(char.IsLetterOrDigit(text[end]) || text[end] is '/' or '^' || text[end] == '.' && end + 1 < text.Length && char.IsAsciiDigit(text[end + 1]));
            if (begins && ends) return true;
        }

        return false;
    }

    private static int Find(string text, string part, int from) =>
        from > text.Length - part.Length ? -1 : text.IndexOf(part, from, StringComparison.OrdinalIgnoreCase);
}
