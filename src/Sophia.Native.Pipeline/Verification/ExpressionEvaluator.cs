using System.Globalization;

namespace Sophia.Native.Pipeline.Verification;

/// <summary>
/// Evaluates one arithmetic expression in the notation <see cref="AnswerText"/> leaves (LaTeX or plain): numbers, mixed numbers, fractions, roots, powers,
/// factorials, the elementary functions, π and e, variables. A recursive descent in one pass over at most <see cref="LongestText"/> characters,
/// at most <see cref="DeepestNesting"/> levels deep, without backtracking: its time is linear in the text by construction.
/// </summary>
/// <remarks>
/// Variables get values that depend on their name and on the number of the sample, so that two expressions can be compared at several points.
/// f, g and h before a bracket stand for unknown functions, which must not behave like factors: f(x+2) is not f(x)+2f.
/// </remarks>
internal ref struct ExpressionEvaluator
{
    public const int LongestText = 512;
    private const int DeepestNesting = 48;

    private readonly ReadOnlySpan<char> _text;
    private readonly int _sample;
    private int _at;
    private int _depth;
    private bool _failed;
    private bool _hasVariables;

    private ExpressionEvaluator(ReadOnlySpan<char> text, int sample)
    {
        _text = text;
        _sample = sample;
    }

    /// <summary>Evaluates the whole text; false if it is no expression or has no finite value.</summary>
    public static bool TryEvaluate(ReadOnlySpan<char> text, int sample, out double value, out bool hasVariables)
    {
        value = 0;
        hasVariables = false;
        text = text.Trim();
        if (text.Length is 0 or > LongestText) return false;
        ExpressionEvaluator evaluator = new(text, sample);
        value = evaluator.Sum();
        evaluator.SkipSpaces();
        hasVariables = evaluator._hasVariables;
        return !evaluator._failed && evaluator._at == text.Length && double.IsFinite(value);
    }

    private readonly char Current => _at < _text.Length ? _text[_at] : '\0';

    private double Fail()
    {
        _failed = true;
        _at = _text.Length;
        return double.NaN;
    }

    private void SkipSpaces()
    {
        while (Current == ' ') _at++;
    }

    private bool Take(char expected)
    {
        SkipSpaces();
        if (Current != expected) return false;
        _at++;
        return true;
    }

    private double Sum()
    {
        if (++_depth > DeepestNesting) return Fail();
        double value = Product();
        while (!_failed)
        {
            if (Take('+')) value += Product();
            else if (Take('-')) value -= Product();
            else break;
        }

        _depth--;
        return value;
    }

    private double Product()
    {
        double value = Signed();
        while (!_failed)
        {
            if (Take('*'))
            {
                value *= Signed();
            }
            else if (Take('/'))
            {
                double divisor = Signed();
                value = divisor == 0 ? Fail() : value / divisor;
            }
            else if (StartsFactor())
            {
                value *= Power();
            }
            else
            {
                break;
            }
        }

        return value;
    }

    /// <summary>Whether what follows multiplies without a sign: a bracket, a name, a command, but no digit (1 2 is nothing).</summary>
    private bool StartsFactor()
    {
        SkipSpaces();
        char next = Current;
        return next is '(' or '{' or '\\' or 'π' or '√' || char.IsAsciiLetter(next);
    }

    private double Signed()
    {
        bool negative = false;
        while (true)
        {
            if (Take('-')) negative = !negative;
            else if (!Take('+')) break;
        }

        double value = Power();
        return negative ? -value : value;
    }

    private double Power()
    {
        double value = Postfix();
        if (_failed || !TakePower()) return value;
        if (++_depth > DeepestNesting) return Fail();
        bool negative = Take('-');
        double exponent = Power();
        _depth--;
        return Math.Pow(value, negative ? -exponent : exponent);
    }

    private bool TakePower()
    {
        SkipSpaces();
        if (Current == '^')
        {
            _at++;
            return true;
        }

        if (Current != '*' || _at + 1 >= _text.Length || _text[_at + 1] != '*') return false;
        _at += 2;
        return true;
    }

    private double Postfix()
    {
        double value = Primary();
        while (!_failed)
        {
            if (Current == '!')
            {
                _at++;
                value = Factorial(value);
            }
            else if (Current == '°')
            {
                _at++;
                value *= Math.PI / 180;
            }
            else if (Current == '%')
            {
                _at++;
                value /= 100;
            }
            else
            {
                break;
            }
        }

        return value;
    }

    private double Primary()
    {
        SkipSpaces();
        char next = Current;
        if (char.IsAsciiDigit(next) || next == '.') return Number();
        switch (next)
        {
            case '(': return Bracket(')');
            case '[': return Bracket(']');
            case '{': return Bracket('}');
            case '|':
                return Math.Abs(Bracket('|'));
            case 'π':
                _at++;
                return Math.PI;
            case '√':
                _at++;
                if (++_depth > DeepestNesting) return Fail();
                double root = Math.Sqrt(Primary());
                _depth--;
                return root;
            case '\\': return Command();
            default: return char.IsAsciiLetter(next) ? Name() : Fail();
        }
    }

    private double Bracket(char close)
    {
        _at++;
        double value = Sum();
        return Take(close) ? value : Fail();
    }

    /// <summary>12, 1,234.5, 1 234, .5, 5., 1.5e-3, and the mixed numbers 1 1/2 and 1\frac{1}{2}.</summary>
    private double Number()
    {
        Span<char> digits = stackalloc char[LongestText];
        int count = 0;
        int whole = CopyDigits(digits, ref count);
        if (whole is >= 1 and <= 3) CopyThousands(digits, ref count);
        bool integer = true;
        if (Current == '.')
        {
            integer = false;
            digits[count++] = '.';
            _at++;
            if (CopyDigits(digits, ref count) + whole == 0) return Fail();
        }

        if (Current is 'e' or 'E')
        {
            int exponent = _at + 1;
            if (exponent < _text.Length && _text[exponent] is '+' or '-') exponent++;
            if (exponent < _text.Length && char.IsAsciiDigit(_text[exponent]))
            {
                integer = false;
                _text[_at..exponent].CopyTo(digits[count..]);
                count += exponent - _at;
                _at = exponent;
                CopyDigits(digits, ref count);
            }
        }

        if (!double.TryParse(digits[..count], NumberStyles.Float, CultureInfo.InvariantCulture, out double value)) return Fail();
        return integer ? value + FractionOfMixedNumber() : value;
    }

    private int CopyDigits(scoped Span<char> digits, ref int count)
    {
        int begin = _at;
        while (char.IsAsciiDigit(Current)) digits[count++] = _text[_at++];
        return _at - begin;
    }

    /// <summary>Groups of exactly three digits behind ',' or ' ', all with the same separator.</summary>
    private void CopyThousands(scoped Span<char> digits, ref int count)
    {
        char separator = Current;
        if (separator is not (',' or ' ')) return;
        int end = _at;
        while (end + 3 < _text.Length && _text[end] == separator && IsDigits(_text.Slice(end + 1, 3))
               && !(end + 4 < _text.Length && char.IsAsciiDigit(_text[end + 4])))
            end += 4;

        // 1 000/3 would be a mixed number of strange parts: leave it to fail.
        if (separator == ' ' && end < _text.Length && _text[end] == '/') return;
        for (; _at < end; _at += 4)
        {
            _text.Slice(_at + 1, 3).CopyTo(digits[count..]);
            count += 3;
        }
    }

    private static bool IsDigits(ReadOnlySpan<char> text) => text.IndexOfAnyExceptInRange('0', '9') < 0;

    /// <summary>The proper fraction of plain integers behind an integer, or 0 and nothing taken. Looks a bounded way ahead.</summary>
    private double FractionOfMixedNumber()
    {
        int at = _at;
        while (at < _text.Length && _text[at] == ' ') at++;
        bool spaced = at > _at;
        ReadOnlySpan<char> rest = _text[at..];
        double numerator, denominator;
        int length;
        if (rest.StartsWith("\\frac{"))
        {
            int first = 6 + LeadingDigits(rest[6..]);
            if (first == 6 || !rest[first..].StartsWith("}{")) return 0;
            int second = first + 2 + LeadingDigits(rest[(first + 2)..]);
            if (second == first + 2 || !rest[second..].StartsWith("}")) return 0;
            numerator = double.Parse(rest[6..first], CultureInfo.InvariantCulture);
            denominator = double.Parse(rest[(first + 2)..second], CultureInfo.InvariantCulture);
            length = second + 1;
        }
        else
        {
            int first = LeadingDigits(rest);
            if (!spaced || first == 0 || !rest[first..].StartsWith("/")) return 0;
            int second = first + 1 + LeadingDigits(rest[(first + 1)..]);
            if (second == first + 1) return 0;
            numerator = double.Parse(rest[..first], CultureInfo.InvariantCulture);
            denominator = double.Parse(rest[(first + 1)..second], CultureInfo.InvariantCulture);
            length = second;
        }

        if (numerator >= denominator) return 0;
        _at = at + length;
        return numerator / denominator;
    }

    private static int LeadingDigits(ReadOnlySpan<char> text)
    {
        int end = text.IndexOfAnyExceptInRange('0', '9');
        return end < 0 ? text.Length : end;
    }

    private double Command()
    {
        int begin = ++_at;
        while (char.IsAsciiLetter(Current)) _at++;
        ReadOnlySpan<char> name = _text[begin.._at];
        switch (name)
        {
            case "frac":
                double numerator = Argument(), denominator = Argument();
                return denominator == 0 ? Fail() : numerator / denominator;
            case "binom":
                return Binomial(Argument(), Argument());
            case "sqrt":
                double degree = 2;
                SkipSpaces();
                if (Current == '[') degree = Bracket(']');
                return Root(Argument(), degree);
        }

        if (IsFunction(name)) return Function(name);
        return name.Length == 0 ? Fail() : Variable(name);
    }

    /// <summary>An argument of a LaTeX command: a group, or a single digit, or whatever one primary is.</summary>
    private double Argument()
    {
        SkipSpaces();
        if (!char.IsAsciiDigit(Current))
        {
            if (++_depth > DeepestNesting) return Fail();
            double value = Primary();
            _depth--;
            return value;
        }

        return _text[_at++] - '0';
    }

    private static double Root(double value, double degree)
    {
        if (degree == 2) return Math.Sqrt(value);
        if (degree == 3) return Math.Cbrt(value);
        return degree == 0 ? double.NaN : Math.Pow(value, 1 / degree);
    }

    private double Name()
    {
        int begin = _at;
        while (char.IsAsciiLetter(Current)) _at++;
        ReadOnlySpan<char> run = _text[begin.._at];
        if (run is "pi") return Math.PI;
        if (run is "sqrt") return Root(Argument(), 2);
        if (IsFunction(run)) return Function(run);
        // Longer runs are words, and two capitals a pair of points: neither is a product.
        if (run.Length > 2 || run.Length == 2 && (char.IsAsciiLetterUpper(run[0]) || char.IsAsciiLetterUpper(run[1]))) return Fail();
        _at = begin + 1;
        if (run[0] == 'e') return Math.E;
        if (run[0] is 'f' or 'g' or 'h' or 'F' or 'G' or 'H' && Current == '(') return Unknown(run[0], Bracket(')'));
        return Variable(run[..1]);
    }

    /// <summary>A function that nobody knows: smooth, not linear, different for every name.</summary>
    private double Unknown(char name, double argument)
    {
        _hasVariables = true;
        return Math.Sin(1.3 * argument + name) + 0.37 * argument * argument + name % 7;
    }

    private double Variable(ReadOnlySpan<char> name)
    {
        ReadOnlySpan<char> index = default;
        if (Current == '_')
        {
            int begin = ++_at;
            if (Current == '{')
            {
                int close = _text[_at..].IndexOf('}');
                if (close < 0) return Fail();
                _at += close + 1;
            }
            else
            {
                while (char.IsAsciiLetterOrDigit(Current)) _at++;
            }

            index = _text[begin.._at].Trim("{}");
        }

        _hasVariables = true;
        uint hash = 2166136261u + (uint)_sample * 40503u;
        foreach (char c in name) hash = (hash ^ c) * 16777619u;
        hash = (hash ^ '_') * 16777619u;
        foreach (char c in index) hash = (hash ^ c) * 16777619u;
        hash ^= hash >> 15;
        hash *= 0x2C1B3C6Du;
        hash ^= hash >> 12;
        // In (0.5, 2): positive, so that roots and logarithms of variables exist.
        return 0.5 + 1.5 * (hash / 4294967296.0);
    }

    private static bool IsFunction(ReadOnlySpan<char> name) => name is
        "sin" or "cos" or "tan" or "tg" or "cot" or "ctg" or "sec" or "csc" or "arcsin" or "arccos" or "arctan" or "asin" or "acos" or "atan"
        or "ln" or "log" or "lg" or "exp" or "abs";

    private double Function(ReadOnlySpan<char> name)
    {
        if (++_depth > DeepestNesting) return Fail();
        double logarithmBase = 10;
        if (name is "log" && Current == '_')
        {
            _at++;
            logarithmBase = Argument();
        }

        double power = TakePower() ? Argument() : 1;
        // sin^{-1} is an inverse to some and a reciprocal to others.
        if (power < 0) return Fail();
        SkipSpaces();
        double argument = Current is '(' or '{' or '[' or '|' ? Primary() : BareArgument();
        _depth--;
        double value = name switch
        {
            "sin" => Math.Sin(argument),
            "cos" => Math.Cos(argument),
            "tan" or "tg" => Math.Tan(argument),
            "cot" or "ctg" => 1 / Math.Tan(argument),
            "sec" => 1 / Math.Cos(argument),
            "csc" => 1 / Math.Sin(argument),
            "arcsin" or "asin" => Math.Asin(argument),
            "arccos" or "acos" => Math.Acos(argument),
            "arctan" or "atan" => Math.Atan(argument),
            "ln" => Math.Log(argument),
            "lg" => Math.Log10(argument),
            "log" => Math.Log(argument) / Math.Log(logarithmBase),
            "exp" => Math.Exp(argument),
            _ => Math.Abs(argument),
        };
        return power == 1 ? value : Math.Pow(value, power);
    }

    /// <summary>What a function without brackets takes: factors up to the next sign or function (sin 2x cos x is sin(2x) cos(x)).</summary>
    private double BareArgument()
    {
        double value = Signed();
        while (!_failed && StartsFactor() && !StartsFunction()) value *= Power();
        return value;
    }

    private readonly bool StartsFunction()
    {
        int begin = Current == '\\' ? _at + 1 : _at;
        int end = begin;
        while (end < _text.Length && char.IsAsciiLetter(_text[end])) end++;
        return IsFunction(_text[begin..end]);
    }

    private static double Factorial(double value)
    {
        if (value is < 0 or > 170 || value != Math.Floor(value)) return double.NaN;
        double product = 1;
        for (int factor = 2; factor <= value; factor++) product *= factor;
        return product;
    }

    private static double Binomial(double n, double k)
    {
        if (n is < 0 or > 1000 || k < 0 || k > n || n != Math.Floor(n) || k != Math.Floor(k)) return double.NaN;
        double product = 1;
        for (int i = 1; i <= k; i++) product = Math.Round(product * (n - k + i) / i);
        return product;
    }
}
