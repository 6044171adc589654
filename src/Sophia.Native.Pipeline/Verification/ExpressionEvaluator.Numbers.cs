using System.Globalization;

namespace Sophia.Native.Pipeline.Verification;

internal ref partial struct ExpressionEvaluator
{
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
}
