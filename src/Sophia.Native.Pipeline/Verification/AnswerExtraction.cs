namespace Sophia.Native.Pipeline.Verification;

/// <summary>Finds the answer in a response. Every search is one pass over the text.</summary>
internal static class AnswerExtraction
{
    private static readonly string[] Announcements = ["final answer", "answer is", "answer:", "answer：", "answer**:", "答案是", "答案：", "答案:"];

    /// <summary>
    /// What the response says its answer is: the last balanced box; else what follows the last announcement ("Final answer:", "the answer is", "Answer:");
    /// else its last line. Text behind the end of thinking comes before the thinking itself.
    /// </summary>
    public static AnswerReading Read(string response)
    {
        int thinkingEnd = response.LastIndexOf("</think>", StringComparison.Ordinal);
        string answerPart = thinkingEnd < 0 ? response : response[(thinkingEnd + "</think>".Length)..];
        List<string> boxes = Boxes(answerPart);
        if (boxes.Count == 0 && thinkingEnd >= 0 && Announced(answerPart) is null) boxes = Boxes(response);
        if (boxes.Count > 0) return new AnswerReading(boxes[^1]);
        if (Announced(answerPart) is not { } announced)
        {
            string line = LastLine(answerPart);
            return new AnswerReading(line) { Sentence = FirstSentence(line), Formula = LastFormula(line), Number = LastNumber(line) };
        }

        string? sentence = FirstSentence(announced);
        return new AnswerReading(announced)
        {
            Sentence = sentence,
            Letter = FirstLetter(announced),
            // What is announced comes first; formulas behind it explain it.
            Formula = FirstFormula(sentence ?? announced),
            Number = LastNumber(announced),
        };
    }

    /// <summary>The contents of the last balanced boxes (at most 16), in order; of nested ones the inner.</summary>
    public static List<string> Boxes(string text)
    {
        List<string> boxes = [];
        // Begin of the content for every open brace that belongs to a box, -1 for other braces.
        Stack<int> open = new();
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == '\\')
            {
                ReadOnlySpan<char> rest = text.AsSpan(i);
                int name = rest.StartsWith("\\boxed") ? 6 : rest.StartsWith("\\fbox") ? 5 : 0;
                int brace = i + name;
                while (name > 0 && brace < text.Length && text[brace] == ' ') brace++;
                if (name > 0 && brace < text.Length && text[brace] == '{')
                {
                    open.Push(brace + 1);
                    i = brace;
                }
                else if (name == 0)
                {
                    // \{ and \} are signs, not braces.
                    i++;
                }
            }
            else if (c == '{')
            {
                open.Push(-1);
            }
            else if (c == '}' && open.Count > 0)
            {
                int begin = open.Pop();
                if (begin < 0) continue;
                bool outer = boxes.Count > 0 && text.AsSpan(begin, i - begin).Contains("\\boxed{", StringComparison.Ordinal);
                if (!outer) boxes.Add(text[begin..i]);
            }
        }

        return boxes.Count <= 16 ? boxes : boxes[^16..];
    }

    /// <summary>What follows the last announcement, to the end of its line, or null.</summary>
    private static string? Announced(string text)
    {
        int last = -1, length = 0;
        foreach (string announcement in Announcements)
        {
            int at = text.LastIndexOf(announcement, StringComparison.OrdinalIgnoreCase);
            // "the final answer is 5": the later of two that overlap holds the answer.
            if (at + announcement.Length > last + length && at >= 0) (last, length) = (at, announcement.Length);
        }

        if (last < 0) return null;
        ReadOnlySpan<char> rest = text.AsSpan(last + length).TrimStart(" :：*\r\n");
        if (rest.StartsWith("is ", StringComparison.OrdinalIgnoreCase)) rest = rest[3..];
        rest = rest.TrimStart(" :：*\r\n");
        int lineEnd = rest.IndexOfAny('\n', '\r');
        string line = (lineEnd < 0 ? rest : rest[..lineEnd]).Trim(" *").ToString();
        return line.Length == 0 ? null : line;
    }

    /// <summary>The letter that an announced answer begins with: D in "D because A is too long". A before a word may be an article, unless a reason follows.</summary>
    private static string? FirstLetter(string line)
    {
        ReadOnlySpan<char> rest = line.AsSpan().TrimStart("( *$");
        if (rest.Length < 2 || rest[0] is < 'A' or > 'Z' || char.IsLetterOrDigit(rest[1]) || rest[1] is '\'' or '=' or '_' or '^') return null;
        ReadOnlySpan<char> after = rest[1..].TrimStart(" ");
        bool reason = after.StartsWith("because") || after.StartsWith("since") || after.StartsWith("as ");
        return rest[0] != 'A' || rest[1] != ' ' || reason ? rest[..1].ToString() : null;
    }

    private static string LastLine(string text)
    {
        ReadOnlySpan<char> rest = text.AsSpan().TrimEnd();
        int lineBegin = rest.LastIndexOfAny('\n', '\r');
        return rest[(lineBegin + 1)..].Trim(" *").ToString();
    }

    private static string? FirstSentence(string line)
    {
        int end = line.IndexOf(". ", StringComparison.Ordinal);
        return end > 0 ? line[..end] : null;
    }

    private static string? FirstFormula(string text)
    {
        int begin = text.IndexOf('$');
        int end = begin < 0 ? -1 : text.IndexOf('$', begin + 1);
        return end - begin > 1 ? text[(begin + 1)..end] : null;
    }

    private static string? LastFormula(string text)
    {
        int end = text.LastIndexOf('$');
        int begin = end <= 0 ? -1 : text.LastIndexOf('$', end - 1);
        return begin >= 0 && end - begin > 1 ? text[(begin + 1)..end] : null;
    }

    /// <summary>The last word if it is a number and not the whole line.</summary>
    private static string? LastNumber(string line)
    {
        ReadOnlySpan<char> trimmed = line.AsSpan().TrimEnd(" .!*");
        ReadOnlySpan<char> word = trimmed[(trimmed.LastIndexOf(' ') + 1)..];
        return word.Length > 0 && word.Length < trimmed.Length && word.IndexOfAnyInRange('0', '9') >= 0 ? word.ToString() : null;
    }
}
