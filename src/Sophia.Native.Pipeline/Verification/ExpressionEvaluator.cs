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
internal ref partial struct ExpressionEvaluator
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
}
