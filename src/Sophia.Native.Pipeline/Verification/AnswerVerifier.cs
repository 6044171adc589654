using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Pipeline.Verification;

/// <summary>
/// The rule verifier of the outcome reward (SOPHIA, arXiv 2507.16814, equation 4): extracts the answer from a response and compares it with the gold one.
/// Letters, integers, decimals, fractions, mixed numbers, percent, thousands separators, units, roots, simple arithmetic and algebra, lists, tuples,
/// intervals and sets, ±, LaTeX and plain. What it does not understand it compares as text, and what differs as text is not equal; no input makes it throw,
/// and its time is bounded by the length of the texts.
/// </summary>
public static class AnswerVerifier
{
    /// <summary>Longer responses are cut to their end, where the answer stands.</summary>
    private const int LongestResponse = 1 << 20;

    private const int LongestAnswer = 4096;

    /// <summary>Whether two answers say the same. An empty answer equals nothing.</summary>
    /// <param name="gold">The gold answer.</param>
    /// <param name="answer">The other answer, already extracted.</param>
    public static bool Equal(string? gold, string? answer) => Equal(gold, answer, default);

    /// <summary>Whether a response answers a question rightly. A truncated response is never right; a question without a gold answer has no right response.</summary>
    /// <param name="response">The whole text of the response, thinking included.</param>
    /// <param name="question">The question with its gold answer and options.</param>
    /// <param name="truncated">Whether the response stopped at a length limit.</param>
    /// <remarks>
    /// Where the record has them, MathVista's fields <c>precision</c> (decimals), <c>answer_type</c> ("integer" cuts decimals off) and <c>question_type</c> (the gold answer of "multi_choice" is the text
    /// of an option) and OlympiadBench's <c>error</c> (a tolerance, or one for each of several answers) are the rules; a <c>unit</c> refuses answers in another one.
    /// </remarks>
    public static bool Verify(string response, QuestionRecord question, bool truncated = false)
    {
        ArgumentNullException.ThrowIfNull(response);
        ArgumentNullException.ThrowIfNull(question);
        if (truncated || string.IsNullOrWhiteSpace(question.Answer)) return false;
        ValueTolerance tolerance = ToleranceOf(question);
        if (response.Length > LongestResponse) response = response[^LongestResponse..];
        int goldOption = question.Options.Count > 1 ? GoldOption(question, tolerance) : -1;
        AnswerReading reading = AnswerExtraction.Read(response);
        if (goldOption >= 0) return OptionOf(reading, question.Options, tolerance) is >= 0 and var option && OptionInference.HaveSameText(question.Options, option, goldOption);
        return Says(reading, question.Answer, tolerance) || BoxesTogether(response, question.Answer, tolerance);
    }

    /// <summary>The answer a response gives: the last balanced <c>\boxed{}</c>, else what follows "answer is" and the like, else the last line; null for an empty response.</summary>
    public static string? Extract(string response)
    {
        ArgumentNullException.ThrowIfNull(response);
        if (response.Length > LongestResponse) response = response[^LongestResponse..];
        string candidate = AnswerExtraction.Read(response).Whole.Trim();
        return candidate.Length == 0 ? null : candidate;
    }

    /// <summary>
    /// Whether a reading gives the gold answer. A whole that is understood is judged alone. Else its parts that are understood as values must agree, so that
    /// nobody is right twice by naming two answers; a gold text is looked for where the answer begins.
    /// </summary>
    private static bool Says(in AnswerReading reading, string gold, in ValueTolerance tolerance)
    {
        if (Equal(gold, reading.Whole, tolerance)) return true;
        if (IsValue(reading.Whole)) return false;
        if (!IsValue(gold))
            return Equal(gold, reading.Sentence, tolerance) || Equal(gold, reading.Letter ?? reading.Formula ?? reading.Number, tolerance);

        string? said = null;
        foreach (string? part in (ReadOnlySpan<string?>)[reading.Sentence, reading.Formula, reading.Number])
        {
            if (part is null || !IsValue(part)) continue;
            said ??= part;
            if (!Equal(said, part, default)) return false;
        }

        return Equal(gold, said, tolerance);
    }

    /// <summary>The option that a reading names: as a whole, by the letter it begins with, or by parts that agree; -1 where none or more than one.</summary>
    private static int OptionOf(in AnswerReading reading, IReadOnlyList<string> options, in ValueTolerance tolerance)
    {
        foreach (string? stated in (ReadOnlySpan<string?>)[reading.Whole, reading.Letter])
        {
            int option = InferOption(stated, options, tolerance);
            if (option >= 0) return option;
        }

        int found = -1;
        foreach (string? part in (ReadOnlySpan<string?>)[reading.Sentence, reading.Formula, reading.Number])
        {
            int option = InferOption(part, options, tolerance);
            if (option < 0) continue;
            if (found >= 0 && option != found) return -1;
            found = option;
        }

        return found;
    }

    private static int InferOption(string? part, IReadOnlyList<string> options, in ValueTolerance tolerance) =>
        part is null || part.Length > LongestAnswer ? -1 : OptionInference.Infer(part, options, tolerance);

    private static bool IsValue(string answer) => answer.Length <= LongestAnswer && AnswerComparison.IsValue(AnswerText.Normalize(answer));

    private static bool Equal(string? gold, string? answer, in ValueTolerance tolerance)
    {
        if (gold is null || answer is null || gold.Length > LongestAnswer || answer.Length > LongestAnswer) return false;
        string plainGold = AnswerText.Normalize(gold), plainAnswer = AnswerText.Normalize(answer);
        if (AnswerComparison.Equal(plainGold, plainAnswer, tolerance)) return true;
        // A gold letter without options to look at: (B), B. and "B) red" name it.
        return plainGold.Length == 1 && plainGold[0] is >= 'A' and <= 'Z' && OptionInference.Letter(plainAnswer, 26) == plainGold[0] - 'A';
    }

    /// <summary>The option that is the gold answer, or -1: a letter within the options, else the option whose text it is. MathVista's gold answers are texts, even where the text is a letter.</summary>
    private static int GoldOption(QuestionRecord question, in ValueTolerance tolerance)
    {
        string gold = question.Answer!;
        IReadOnlyList<string> options = question.Options;
        if (IsText(question, "question_type", "multi_choice"))
        {
            for (int i = 0; i < options.Count && i < 26; i++)
            {
                if (options[i] == gold) return i;
            }
        }

        string plain = AnswerText.Normalize(gold);
        int letter = OptionInference.Letter(plain, Math.Min(options.Count, 26));
        if (letter >= 0) return letter;
        for (int i = 0; i < options.Count && i < 26; i++)
        {
            if (AnswerComparison.Equal(AnswerText.Normalize(options[i]), plain, tolerance)) return i;
        }

        return -1;
    }

    /// <summary>Several answers in boxes of their own (OlympiadBench joins them): as many last boxes as the gold list has parts.</summary>
    private static bool BoxesTogether(string response, string gold, in ValueTolerance tolerance)
    {
        List<string> boxes = AnswerExtraction.Boxes(response);
        for (int count = 2; count <= boxes.Count && count <= 8; count++)
        {
            if (Equal(gold, string.Join(", ", boxes[^count..]), tolerance)) return true;
        }

        return false;
    }

    private static ValueTolerance ToleranceOf(QuestionRecord question)
    {
        ValueTolerance tolerance = default;
        foreach ((string name, JsonElement value) in question.UnknownFields)
        {
            if (name == "error" && value.ValueKind == JsonValueKind.String && value.GetString()!.Contains(',')) tolerance = tolerance with { Parts = PartsOf(value.GetString()!) };
            else if (name == "error" && TryNumber(value, out double error) && error > 0) tolerance = tolerance with { Absolute = error };
            else if (name == "precision" && TryNumber(value, out double precision) && precision is >= 0 and <= 12) tolerance = tolerance with { Decimals = (int)precision };
            else if (name == "unit" && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= LongestAnswer } unit) tolerance = tolerance with { Unit = ValueComparison.CanonicalUnit(unit) };
        }

        // Other data sets may have a field answer_type too: only beside MathVista's question_type does it mean this.
        bool cuts = IsText(question, "question_type", "free_form") && IsText(question, "answer_type", "integer");
        return tolerance with { CutsToInteger = cuts };
    }

    private static double?[] PartsOf(string errors)
    {
        string[] texts = errors.Split(',');
        double?[] parts = new double?[texts.Length];
        for (int i = 0; i < parts.Length; i++)
            parts[i] = ExpressionEvaluator.TryEvaluate(texts[i].Trim(), 0, out double error, out bool variables) && !variables && error > 0 ? error : null;
        return parts;
    }

    private static bool IsText(QuestionRecord question, string name, string text)
    {
        foreach ((string key, JsonElement value) in question.UnknownFields)
        {
            if (key == name) return value.ValueKind == JsonValueKind.String && value.GetString() == text;
        }

        return false;
    }

    private static bool TryNumber(JsonElement value, out double number)
    {
        number = 0;
        return value.ValueKind switch
        {
            JsonValueKind.Number => value.TryGetDouble(out number) && double.IsFinite(number),
            JsonValueKind.String => ExpressionEvaluator.TryEvaluate(value.GetRawText().AsSpan().Trim('"'), 0, out number, out bool variables) && !variables,
            _ => false,
        };
    }
}
