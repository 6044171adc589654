namespace Sophia.Native.Data.Chat;

/// <summary>The slow-thinking ("R1") mode of InternVL: its system message, and the format of its answers, <c>&lt;think&gt;...&lt;/think&gt;</c> and then the answer.</summary>
public static class SlowThinking
{
    /// <summary>The system message that asks for thinking first (InternVL3 model card); it replaces the default one.</summary>
    public const string SystemMessage =
        "You are an AI assistant that rigorously follows this response protocol:\n\n"
        + "1. First, conduct a detailed analysis of the question. Consider different angles, potential solutions, and reason through the problem step-by-step. "
        + "Enclose this entire thinking process within <think> and </think> tags.\n\n"
        + "2. After the thinking section, provide a clear, concise, and direct answer to the user's question. Separate the answer from the think section with a newline.\n\n"
        + "Ensure that the thinking process is thorough but remains focused on the query. The final answer should be standalone and not reference the thinking section.";

    /// <summary>What follows the question in this mode.</summary>
    public const string QuestionSuffix = "\nPlease answer the question and put the final answer within \\boxed{}.";

    private const string Start = "<think>";
    private const string End = "</think>";
    private const string BoxStart = "\\boxed{";
    private const int ShortestThinking = 20;

    /// <summary>
    /// True if an answer keeps the format by the rule of InternVL's data pipeline: it matches <c>&lt;think&gt;.*?&lt;/think&gt;\s*.+</c> as a whole, has each tag exactly once,
    /// a box after the thinking, and more than 20 characters of thinking.
    /// </summary>
    public static bool IsWellFormed(string response) =>
        TrySplit(response, out string thinking, out string answer) && CountCharacters(thinking) > ShortestThinking && HasBox(answer);

    /// <summary>Cuts an answer at its tags. False if it does not begin with the first tag, has one of them not exactly once, or nothing after the second.</summary>
    /// <param name="response">The model's answer.</param>
    /// <param name="thinking">What stands between the tags; empty if false.</param>
    /// <param name="answer">What stands after them, without white space around it; empty if false.</param>
    public static bool TrySplit(string response, out string thinking, out string answer)
    {
        ArgumentNullException.ThrowIfNull(response);
        thinking = answer = "";
        int end = response.IndexOf(End, StringComparison.Ordinal);
        if (end < Start.Length || !response.StartsWith(Start, StringComparison.Ordinal)) return false;
        if (response.LastIndexOf(Start, StringComparison.Ordinal) != 0 || response.LastIndexOf(End, StringComparison.Ordinal) != end) return false;
        if (end + End.Length == response.Length) return false;
        thinking = response[Start.Length..end];
        answer = response[(end + End.Length)..].Trim();
        return true;
    }

    private static bool HasBox(string answer)
    {
        int box = answer.IndexOf(BoxStart, StringComparison.Ordinal);
        return box >= 0 && answer.AsSpan(box + BoxStart.Length).Contains('}');
    }

    private static int CountCharacters(string text)
    {
        int count = text.Length;
        foreach (char unit in text)
        {
            if (char.IsLowSurrogate(unit)) count--;
        }

        return count;
    }
}
