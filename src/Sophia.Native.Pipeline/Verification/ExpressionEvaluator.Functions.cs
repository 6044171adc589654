namespace Sophia.Native.Pipeline.Verification;

internal ref partial struct ExpressionEvaluator
{
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
