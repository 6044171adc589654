using System.Text;
using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Pipeline;

/// <summary>
/// How the question of a benchmark is put where its record says what its answer looks like. MathVista (fields question_type, answer_type, precision, unit) tells the form of the answer and the unit;
/// OlympiadBench (fields final_answer, answer_type, is_multiple_answer, unit, subject, language) tells what is asked for, in the question's language. The rules are those of the benchmarks'
/// evaluation code (lupantech/MathVista evaluation/build_query.py; OpenBMB/OlympiadBench inference/code/evaluators/evaluator.py), the wording is this project's. Other questions stay as they are.
/// </summary>
internal static class AnswerForm
{
    /// <summary>The question with its options and what its benchmark adds.</summary>
    public static string Ask(QuestionRecord question)
    {
        string text = Prompts.QuestionWithOptions(question, question.Question);
        if (Field(question, "question_type") is "multi_choice" or "free_form") return MathVista(question, text);
        return HasField(question, "final_answer") && HasField(question, "is_multiple_answer") ? Olympiad(question, text) : text;
    }

    private static string MathVista(QuestionRecord question, string text)
    {
        if (Field(question, "unit") is { Length: > 0 } unit)
            text = Prompts.QuestionWithOptions(question, $"{question.Question} (Unit: {unit})");
        string? form = (Field(question, "question_type"), Field(question, "answer_type"), Field(question, "precision")) switch
        {
            ("multi_choice", _, _) => "The answer is the letter of the right option, such as A, B, C or D.",
            (_, "integer", _) => "The answer is an integer, such as 1, 2 or 3.",
            (_, "float", "1" or "1.0") => "The answer is a decimal number with one decimal place, such as 1.2.",
            (_, "float", "2" or "2.0") => "The answer is a decimal number with two decimal places, such as 1.23.",
            (_, "float", { Length: > 0 } places) => $"The answer is a decimal number with {places} decimal places.",
            (_, "float", _) => "The answer is a decimal number.",
            (_, "list", _) => "The answer is a list of numbers in square brackets, such as [1, 2, 3] or [1.2, 1.3].",
            _ => null,
        };
        return form is null ? text : text + "\n" + form;
    }

    private static string Olympiad(QuestionRecord question, string text)
    {
        bool isChinese = string.Equals(Field(question, "language"), "Chinese", StringComparison.OrdinalIgnoreCase) || Field(question, "language") == "zh";
        bool isPhysics = Field(question, "subject")?.StartsWith("Phys", StringComparison.OrdinalIgnoreCase) == true;
        bool isMultiple = Field(question, "is_multiple_answer") is "true" or "True";
        string? unit = Field(question, "unit");
        List<string> kinds = Kinds(Field(question, "answer_type") ?? "", isChinese);
        StringBuilder prompt = new();
        if (isChinese)
        {
            prompt.Append(isPhysics ? "下面是一道物理竞赛解答题。" : "下面是一道数学竞赛解答题。").Append('\n').Append(text).Append('\n');
            if (isMultiple) prompt.Append("本题有多个答案，请全部写入同一个\\boxed{}，用英文逗号分隔。");
            if (kinds.Count > 0) prompt.Append(isMultiple ? "各答案的类型为：" : "答案的类型为：").Append(string.Join('、', kinds)).Append('。');
            if (unit is { Length: > 0 }) prompt.Append($"答案的单位是{unit}，单位不要写入\\boxed{{}}。");
        }
        else
        {
            prompt.Append($"This is an open-ended problem from an international {(isPhysics ? "physics" : "mathematics")} competition.\n").Append(text).Append('\n');
            if (isMultiple) prompt.Append("It has several answers: put all of them into one \\boxed{}, separated by commas. ");
            if (kinds.Count == 1) prompt.Append(isMultiple ? $"Each answer is {kinds[0]}. " : $"The answer is {kinds[0]}. ");
            else if (kinds.Count > 1) prompt.Append($"The answers are, in this order, {string.Join(", ", kinds)}. ");
            if (unit is { Length: > 0 }) prompt.Append($"Give the answer in {unit}, and leave the unit out of the box. ");
        }

        return prompt.ToString().TrimEnd();
    }

    /// <summary>The kinds of the answers as words, one where all are alike; none for a tuple, whose meaning differs from problem to problem, and for what a person has to judge.</summary>
    private static List<string> Kinds(string answerType, bool isChinese)
    {
        List<string> kinds = [];
        if (answerType.Contains("Tuple", StringComparison.Ordinal)) return kinds;
        foreach (string part in answerType.Split(','))
        {
            string? kind = part.Trim().Split('-')[0] switch
            {
                "Numerical" => isChinese ? "数值" : "a numerical value",
                "Expression" => isChinese ? "表达式" : "an expression",
                "Equation" => isChinese ? "方程" : "an equation",
                "Interval" => isChinese ? "区间" : "an interval",
                _ => null,
            };
            if (kind is null) return [];
            kinds.Add(kind);
        }

        return kinds.TrueForAll(kind => kind == kinds[0]) ? kinds[..1] : kinds;
    }

    private static bool HasField(QuestionRecord question, string name) => question.UnknownFields.Any(field => field.Key == name);

    private static string? Field(QuestionRecord question, string name)
    {
        foreach ((string key, JsonElement value) in question.UnknownFields)
        {
            if (key == name) return value.ValueKind is JsonValueKind.String or JsonValueKind.Number ? value.ToString() : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetRawText() : null;
        }

        return null;
    }
}
