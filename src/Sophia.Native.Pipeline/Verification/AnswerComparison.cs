namespace Sophia.Native.Pipeline.Verification;

/// <summary>
/// Whether two answers in the notation of <see cref="AnswerText"/> are the same: as text, as lists, tuples, intervals and sets, as equations,
/// as ratios, and at the bottom as values (<see cref="ValueComparison"/>).
/// </summary>
internal static class AnswerComparison
{
    private const int DeepestNesting = 6;
    private const int LongestList = 32;

    /// <summary>Compares; anything that is not understood is compared as text.</summary>
    public static bool Equal(string gold, string answer, in ValueTolerance tolerance) => Equal(gold, answer, tolerance, 0);

    /// <summary>Whether a text is understood as a value, or as a list, tuple, ratio or equation of values, and so needs no comparison as text.</summary>
    public static bool IsValue(string text) => IsValue(text, 0);

    private static bool IsValue(string text, int depth)
    {
        text = Unwrap(text);
        if (text.Length == 0 || depth >= DeepestNesting || text.Length > ExpressionEvaluator.LongestText) return false;
        // A value equals itself, while equality of texts plays no part there.
        if (ValueComparison.Equal(text, text, default)) return true;
        List<string> parts = ListOf(IsEnclosed(text, out _) ? text[1..^1] : text);
        if (parts.Count > 1) return AreValues(parts, depth);
        if (text.Contains('='))
        {
            List<string> sides = Split(text, '=');
            return IsName(sides[0]) ? AreValues(sides[1..], depth) : AreValues(sides, depth);
        }

        return text.Contains(':') && AreValues(Split(text, ':'), depth);
    }

    private static bool AreValues(List<string> parts, int depth)
    {
        if (parts.Count > LongestList) return false;
        foreach (string part in parts)
        {
            if (!IsValue(part, depth + 1)) return false;
        }

        return true;
    }

    private static bool Equal(string gold, string answer, in ValueTolerance tolerance, int depth)
    {
        gold = Unwrap(gold);
        answer = Unwrap(answer);
        if (gold.Length == 0 || answer.Length == 0) return false;
        if (AnswerText.Squeeze(gold) == AnswerText.Squeeze(answer)) return true;
        if (depth >= DeepestNesting || gold.Length > ExpressionEvaluator.LongestText || answer.Length > ExpressionEvaluator.LongestText) return false;

        // A number with separators looks like a list: either reading may be meant.
        if (ValueComparison.Equal(gold, answer, tolerance)) return true;

        if (gold.Contains('∪') || answer.Contains('∪'))
            return SameInAnyOrder(Split(gold, '∪'), Split(answer, '∪'), tolerance, depth);
        if (IsEnclosed(gold, out char goldOpen) | IsEnclosed(answer, out char answerOpen))
            return EnclosedEqual(gold, goldOpen, answer, answerOpen, tolerance, depth);

        List<string> goldParts = BothSigns(ListOf(gold)), answerParts = BothSigns(ListOf(answer));
        if (goldParts.Count > 1 || answerParts.Count > 1) return SameInAnyOrder(goldParts, answerParts, tolerance, depth);
        if (gold.Contains('=') || answer.Contains('=')) return EquationsEqual(gold, answer, tolerance, depth);
        if (gold.Contains(':') && answer.Contains(':')) return SameInOrder(Split(gold, ':'), Split(answer, ':'), tolerance, depth);
        return false;
    }

    /// <summary>Takes off spaces, groups, and round brackets around a single thing.</summary>
    private static string Unwrap(string text)
    {
        text = text.Trim();
        for (int layer = 0; layer < DeepestNesting && text.Length > 2; layer++)
        {
            bool group = text[0] == '{' && Closing(text, 0) == text.Length - 1 && Split(text[1..^1], ',').Count == 1;
            bool round = text[0] == '(' && Closing(text, 0) == text.Length - 1 && Split(text[1..^1], ',').Count == 1;
            if (!group && !round) break;
            text = text[1..^1].Trim();
        }

        return text;
    }

    /// <summary>Whether the whole text is a tuple, an interval or a set: one pair of brackets around it.</summary>
    private static bool IsEnclosed(string text, out char open)
    {
        open = text[0];
        return open is '(' or '[' or '{' or AnswerText.OpenSet && Closing(text, 0) == text.Length - 1;
    }

    private static bool EnclosedEqual(string gold, char goldOpen, string answer, char answerOpen, in ValueTolerance tolerance, int depth)
    {
        bool goldEnclosed = IsEnclosed(gold, out _), answerEnclosed = IsEnclosed(answer, out _);
        List<string> goldParts = ListOf(goldEnclosed ? gold[1..^1] : gold), answerParts = ListOf(answerEnclosed ? answer[1..^1] : answer);
        if (IsSet(goldOpen, goldEnclosed) || IsSet(answerOpen, answerEnclosed))
        {
            bool bothUnordered = IsSet(goldOpen, goldEnclosed, orBare: true) && IsSet(answerOpen, answerEnclosed, orBare: true);
            return bothUnordered && SameInAnyOrder(goldParts, answerParts, tolerance, depth);
        }

        // (3,4) is said as 3, 4 too; but (3,4] and [3,4] differ.
        if (goldEnclosed && answerEnclosed && (goldOpen != answerOpen || gold[^1] != answer[^1])) return false;
        return goldParts.Count > 1 && SameInOrder(goldParts, answerParts, tolerance, depth);
    }

    private static bool IsSet(char open, bool enclosed, bool orBare = false) => enclosed ? open is '{' or AnswerText.OpenSet : orBare;

    private static bool EquationsEqual(string gold, string answer, in ValueTolerance tolerance, int depth)
    {
        List<string> goldSides = Split(gold, '='), answerSides = Split(answer, '=');
        if (goldSides.Count == answerSides.Count)
        {
            return SameInOrder(goldSides, answerSides, tolerance, depth)
                || goldSides.Count == 2 && SameInOrder([goldSides[1], goldSides[0]], answerSides, tolerance, depth);
        }

        // x = 5 and S = 2*3 = 6 say 5 and 6; a chain of other things says nothing certain.
        return Names(goldSides) && Names(answerSides) && Equal(goldSides[^1], answerSides[^1], tolerance, depth + 1);

        static bool Names(List<string> sides) => sides.Count == 1 || IsName(sides[0]);
    }

    /// <summary>A variable or a short word, perhaps with an index or an argument: x, x_1, \alpha, f(x), AB, area.</summary>
    private static bool IsName(string text)
    {
        text = text.Trim();
        if (text.Length is 0 or > 24) return false;
        bool letter = char.IsLetter(text[0]) || text[0] == '\\' && text.Length > 1 && char.IsAsciiLetter(text[1]) || text[0] == '°';
        foreach (char c in text)
        {
            if (!char.IsLetterOrDigit(c) && c is not ('\\' or '_' or '{' or '}' or '(' or ')' or ' ' or '\'' or '|' or '°')) return false;
        }

        return letter;
    }

    private static bool SameInOrder(List<string> gold, List<string> answer, in ValueTolerance tolerance, int depth)
    {
        if (gold.Count != answer.Count || gold.Count > LongestList) return false;
        for (int i = 0; i < gold.Count; i++)
        {
            if (!Equal(gold[i], answer[i], tolerance.Part(i), depth + 1)) return false;
        }

        return true;
    }

    /// <summary>Pairs every part of the gold answer with the first equal part that is still free.</summary>
    private static bool SameInAnyOrder(List<string> gold, List<string> answer, in ValueTolerance tolerance, int depth)
    {
        if (gold.Count != answer.Count || gold.Count is 1 or > LongestList) return false;
        ulong used = 0;
        for (int k = 0; k < gold.Count; k++)
        {
            bool found = false;
            for (int i = 0; i < answer.Count && !found; i++)
            {
                if ((used >> i & 1) != 0 || !Equal(gold[k], answer[i], tolerance.Part(k), depth + 1)) continue;
                used |= 1ul << i;
                found = true;
            }

            if (!found) return false;
        }

        return true;
    }

    /// <summary>The parts of a list outside all brackets, separated by commas, semicolons, "and" or "or".</summary>
    private static List<string> ListOf(string text) =>
        Split(text.Replace(';', ',').Replace(", and ", ",").Replace(", or ", ",").Replace(" and ", ",").Replace(" or ", ","), ',');

    private static List<string> Split(string text, char separator)
    {
        List<string> parts = [];
        int depth = 0, begin = 0;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c is '(' or '[' or '{' or AnswerText.OpenSet) depth++;
            else if (c is ')' or ']' or '}' or AnswerText.CloseSet) depth = Math.Max(0, depth - 1);
            else if (c == separator && depth == 0)
            {
                parts.Add(text[begin..i].Trim());
                begin = i + 1;
            }
        }

        parts.Add(text[begin..].Trim());
        return parts;
    }

    /// <summary>a ± b as a + b and a - b, all signs of a part alike.</summary>
    private static List<string> BothSigns(List<string> parts)
    {
        for (int i = parts.Count - 1; i >= 0; i--)
        {
            if (!parts[i].Contains('±')) continue;
            parts.Insert(i + 1, parts[i].Replace('±', '-'));
            parts[i] = parts[i].Replace('±', '+');
        }

        return parts;
    }

    /// <summary>Index of the bracket that closes the one at <paramref name="open"/> whatever its kind ([0,1) is an interval), or -1.</summary>
    private static int Closing(string text, int open)
    {
        int depth = 0;
        for (int i = open; i < text.Length; i++)
        {
            if (text[i] is '(' or '[' or '{' or AnswerText.OpenSet) depth++;
            else if (text[i] is ')' or ']' or '}' or AnswerText.CloseSet && --depth == 0) return i;
        }

        return -1;
    }
}
