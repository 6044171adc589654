using System.Globalization;
using System.Net;

namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>Text and numbers as they stand in a page: escaped, and the same in every culture.</summary>
internal static class HtmlText
{
    /// <summary>Escapes a text for element content and quoted attributes; control characters, which no page may hold, become U+FFFD.</summary>
    public static string Escape(ReadOnlySpan<char> text)
    {
        Span<char> clean = text.Length <= 4096 ? stackalloc char[text.Length] : new char[text.Length];
        for (int i = 0; i < text.Length; i++)
        {
            bool isPair = char.IsHighSurrogate(text[i]) ? i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]) : char.IsLowSurrogate(text[i]) && i > 0 && char.IsHighSurrogate(text[i - 1]);
            bool isAllowed = text[i] is '\t' or '\n' or '\r' || (!char.IsControl(text[i]) && text[i] < '\uFFFE' && (isPair || !char.IsSurrogate(text[i])));
            clean[i] = isAllowed ? text[i] : '\uFFFD';
        }

        return WebUtility.HtmlEncode(clean.ToString());
    }

    public static string Number(double value, int decimals) => value.ToString("F" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    /// <summary>What stands where there is no number.</summary>
    public const string None = "–";

    /// <summary>A number, or a dash where there is none.</summary>
    public static string Number(double? value, int decimals) => value is { } number ? Number(number, decimals) : None;

    /// <summary>A share in percent without the sign: <c>87.8</c>.</summary>
    public static string Percent(double share) => Number(share * 100, 1);

    /// <summary>A share in percent, or a dash where there is none.</summary>
    public static string Percent(double? share) => share is { } value ? Percent(value) : None;

    /// <summary>A length or position inside a drawing or style.</summary>
    public static string Coordinate(double value) => Math.Round(value, 2).ToString(CultureInfo.InvariantCulture);
}
