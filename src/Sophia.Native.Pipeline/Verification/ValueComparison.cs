using System.Collections.Frozen;

namespace Sophia.Native.Pipeline.Verification;

/// <summary>Compares two single values: numbers with their percent signs and units, expressions without and with variables, number words.</summary>
internal static class ValueComparison
{
    private const int Samples = 4;

    private static readonly string[] NumberWords =
    [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
    ];

    /// <summary>Words behind a number that change it, so that they are no unit.</summary>
    private static readonly FrozenSet<string> NoUnits = FrozenSet.Create(
        "or", "and", "to", "plus", "minus", "times", "by", "hundred", "thousand", "million", "billion", "trillion", "dozen", "half", "pi", "sqrt",
        "not", "is", "but", "if", "mod", "squared", "cubed", "root", "than", "of", "the", "least", "most", "over", "point", "from", "k");

    /// <summary>Spellings of one unit.</summary>
    private static readonly FrozenDictionary<string, string> Units = new Dictionary<string, string>
    {
        ["millimeter"] = "mm", ["millimetre"] = "mm", ["centimeter"] = "cm", ["centimetre"] = "cm", ["decimeter"] = "dm", ["decimetre"] = "dm",
        ["meter"] = "m", ["metre"] = "m", ["kilometer"] = "km", ["kilometre"] = "km", ["inches"] = "in", ["inch"] = "in", ["foot"] = "ft", ["feet"] = "ft",
        ["yard"] = "yd", ["mile"] = "mi", ["gram"] = "g", ["kilogram"] = "kg", ["milligram"] = "mg", ["liter"] = "l", ["litre"] = "l",
        ["milliliter"] = "ml", ["millilitre"] = "ml", ["second"] = "s", ["sec"] = "s", ["minute"] = "min", ["hour"] = "h", ["hr"] = "h",
        ["degree"] = "°", ["deg"] = "°", ["dollar"] = "$", ["usd"] = "$", ["euro"] = "€", ["eur"] = "€", ["pound"] = "£", ["percent"] = "%",
        ["unit"] = "", ["squnit"] = "", ["squareunit"] = "", ["cubicunit"] = "", ["unit^2"] = "", ["unit^3"] = "", ["inche"] = "in",
    }.ToFrozenDictionary();

    /// <summary>Units that may stand directly behind the digits; other letters there are variables.</summary>
    private static readonly FrozenSet<string> Attached = FrozenSet.Create("mm", "cm", "dm", "m", "km", "ft", "kg", "mg", "ml", "min", "°", "%", "in", "hours", "hour", "minutes", "degrees");

    /// <summary>Units of measure as <see cref="Canonical"/> spells them. Percent has rules of its own.</summary>
    private static readonly FrozenSet<string> Measures = FrozenSet.Create(
        "mm", "cm", "dm", "m", "km", "in", "ft", "yd", "mi", "g", "kg", "mg", "l", "ml", "s", "ms", "min", "h", "°", "$", "€", "£", "n", "j", "kj", "w", "kw", "v", "pa", "kpa", "hz");

    /// <summary>Whether two values are equal; false for what is no value.</summary>
    public static bool Equal(string gold, string answer, in ValueTolerance tolerance)
    {
        // 5-4-3 and 4-5-2 are orders, not differences.
        if (IsSequence(gold) && IsSequence(answer)) return false;
        // Whole expressions first: the last letters of 3x or 2\sin 30° are no units.
        if (ExpressionsEqual(gold, answer, tolerance)) return true;
        bool goldHasUnit = SplitUnit(gold, out string goldNumber, out string goldUnit);
        bool answerHasUnit = SplitUnit(answer, out string answerNumber, out string answerUnit);
        if (!goldHasUnit && !answerHasUnit) return false;
        // A unit that stands apart from the gold answer refuses another one, but only where both are certainly units: "5 apples" are 5 pieces.
        if (goldUnit.Length == 0 && tolerance.Unit is { } apartUnit && IsMeasure(apartUnit) && IsMeasure(answerUnit)) goldUnit = apartUnit;
        if (goldUnit == "%" || answerUnit == "%") return PercentEqual(goldNumber, goldUnit, answerNumber, answerUnit, tolerance);
        bool sameUnit = goldUnit.Length == 0 || answerUnit.Length == 0 || goldUnit == answerUnit;
        return sameUnit && ExpressionsEqual(goldNumber, answerNumber, tolerance);
    }

    /// <summary>The one spelling of a unit that stands apart from its number: "grams" and "$\mathrm{g}$" are "g". Empty for none, and for what is not understood as one.</summary>
    public static string CanonicalUnit(string unit)
    {
        string plain = AnswerText.Normalize(unit).Trim().Replace(" /", "/").Replace("/ ", "/");
        return SplitUnit("1 " + plain, out string number, out string canonical) && number == "1" ? canonical : "";
    }

    /// <summary>Whether a unit is one of measure, perhaps with an exponent or over another one.</summary>
    private static bool IsMeasure(string unit)
    {
        if (unit.Length == 0) return false;
        foreach (string part in unit.Split('/'))
        {
            if (!Measures.Contains(part.Split('^', 2)[0])) return false;
        }

        return true;
    }

    /// <summary>At least three integers joined by hyphens.</summary>
    private static bool IsSequence(string text)
    {
        int hyphens = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsAsciiDigit(text[i])) continue;
            if (text[i] != '-' || i == 0 || i == text.Length - 1 || text[i - 1] == '-') return false;
            hyphens++;
        }

        return hyphens >= 2;
    }

    private static bool ExpressionsEqual(string gold, string answer, in ValueTolerance tolerance)
    {
        if (!TryEvaluate(gold, 0, out double goldValue, out bool goldVariables)
            || !TryEvaluate(answer, 0, out double answerValue, out bool answerVariables)) return false;
        if (!goldVariables && !answerVariables) return tolerance.Accepts(goldValue, answerValue);

        // Letters alone are names, not products: only with a sign or a digit between them do they make an expression.
        if (!IsAlgebra(gold) || !IsAlgebra(answer)) return false;
        for (int sample = 0; sample < Samples; sample++)
        {
            if (!TryEvaluate(gold, sample, out goldValue, out _) || !TryEvaluate(answer, sample, out answerValue, out _)) return false;
            if (Math.Abs(goldValue - answerValue) > 1e-9 * Math.Max(1, Math.Abs(goldValue))) return false;
        }

        return true;
    }

    private static bool TryEvaluate(string text, int sample, out double value, out bool hasVariables)
    {
        hasVariables = false;
        int word = Array.IndexOf(NumberWords, text.ToLowerInvariant());
        value = word;
        return word >= 0 || ExpressionEvaluator.TryEvaluate(text, sample, out value, out hasVariables);
    }

    private static bool IsAlgebra(string text) => text.AsSpan().IndexOfAny("+-*/^\\0123456789()") >= 0;

    /// <summary>50% is 0.5 to some and 50 to others: a percent sign on one side allows both, on both sides they must agree.</summary>
    private static bool PercentEqual(string goldNumber, string goldUnit, string answerNumber, string answerUnit, in ValueTolerance tolerance)
    {
        if (!TryEvaluate(goldNumber, 0, out double gold, out bool goldVariables) || !TryEvaluate(answerNumber, 0, out double answer, out bool answerVariables)) return false;
        if (goldVariables || answerVariables) return false;
        if (tolerance.Accepts(gold, answer)) return goldUnit is "" or "%" && answerUnit is "" or "%";
        if (goldUnit == "%" && answerUnit == "") return tolerance.Accepts(gold / 100, answer);
        return goldUnit == "" && answerUnit == "%" && tolerance.Accepts(gold, answer / 100);
    }

    /// <summary>Splits a currency sign before or a unit behind a number off. False, and the whole text as the number, where there is none.</summary>
    private static bool SplitUnit(string text, out string number, out string unit)
    {
        number = text;
        unit = "";
        if (text.Length > 1 && text[0] is '€' or '£' or '¥')
        {
            unit = text[..1];
            number = text[1..].Trim();
            return true;
        }

        int begin = UnitBegin(text);
        if (begin <= 0 || begin >= text.Length) return false;
        string tail = text[begin..];
        bool apart = text[begin - 1] == ' ';
        string compact = tail.Replace(" ", "").Replace("{", "").Replace("}", "").ToLowerInvariant();
        if (!apart && !Attached.Contains(compact.Split('^', 2)[0])) return false;
        foreach (string word in tail.ToLowerInvariant().Split(' '))
        {
            if (NoUnits.Contains(word)) return false;
        }

        // At most three words, and an exponent of a unit is 2 or 3.
        if (tail.AsSpan().Count(' ') > 2) return false;
        number = text[..begin].Trim();
        unit = Canonical(compact);
        return number.Length > 0;
    }

    /// <summary>Where the letters at the end begin: letters, °, %, spaces, '/' between units and an exponent.</summary>
    private static int UnitBegin(string text)
    {
        int at = text.Length;
        if (text.EndsWith("^2") || text.EndsWith("^3")) at -= 2;
        else if (text.EndsWith("^{2}") || text.EndsWith("^{3}")) at -= 4;
        int end = at;
        while (at > 0 && (char.IsLetter(text[at - 1]) && text[at - 1] != 'π' || text[at - 1] is '°' or '%' or '€' or '£' or '¥' or ' '
               || text[at - 1] == '/' && at < end && char.IsLetter(text[at]))) at--;
        while (at < end && text[at] == ' ') at++;
        // A command's letters are no unit.
        return at == end || at > 0 && text[at - 1] == '\\' ? -1 : at;
    }

    private static string Canonical(string unit)
    {
        string exponent = "";
        int power = unit.IndexOf('^');
        if (power >= 0)
        {
            exponent = unit[power..];
            unit = unit[..power];
        }

        if (unit.StartsWith("square") && unit.Length > 6)
        {
            unit = unit[6..];
            exponent = "^2";
        }
        else if (unit.StartsWith("cubic") && unit.Length > 5)
        {
            unit = unit[5..];
            exponent = "^3";
        }

        if (unit.Length > 3 && unit[^1] == 's') unit = unit[..^1];
        unit = Units.GetValueOrDefault(unit, unit);
        return unit.Length == 0 ? "" : unit + exponent;
    }
}
