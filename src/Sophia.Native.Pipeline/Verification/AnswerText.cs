using System.Text;

namespace Sophia.Native.Pipeline.Verification;

/// <summary>
/// Brings an answer into one plain notation: LaTeX decorations, fonts and spaces go, signs have one spelling, sets have brackets of their own.
/// One pass with a stack of open braces; the result is at most a constant factor longer than the text.
/// </summary>
internal static class AnswerText
{
    /// <summary>What \{ and \} become, so that they are not taken for the braces of groups.</summary>
    public const char OpenSet = '⟦';

    /// <inheritdoc cref="OpenSet"/>
    public const char CloseSet = '⟧';

    /// <summary>The plain notation; empty for an answer that is nothing but decoration.</summary>
    public static string Normalize(string answer)
    {
        StringBuilder plain = new(answer.Length + 16);
        // For every open brace: whether it closes a font command and so disappears.
        Stack<bool> braces = new();
        bool dropNextBrace = false;
        for (int i = 0; i < answer.Length; i++)
        {
            char c = answer[i];
            switch (c)
            {
                case '\\':
                    i = Command(answer, i + 1, plain, ref dropNextBrace);
                    continue;
                case '{':
                    if (answer.AsSpan(i).StartsWith("{,}"))
                    {
                        // A thousands separator of LaTeX.
                        i += 2;
                        continue;
                    }

                    braces.Push(dropNextBrace);
                    plain.Append(dropNextBrace ? ' ' : '{');
                    break;
                case '}':
                    bool drop = braces.Count > 0 && braces.Pop();
                    plain.Append(drop ? ' ' : '}');
                    break;
                case '$' or '`' or '"' or '“' or '”' or '\u200B' or '\uFEFF':
                    break;
                case '~' or '\t' or '\n' or '\r' or '\u00A0' or '\u2009' or '\u202F' or '\u3000':
                    plain.Append(' ');
                    continue;
                default:
                    AppendCharacter(plain, c);
                    break;
            }

            // A font command may stand apart from its brace, but only by spaces.
            if (c != ' ') dropNextBrace = false;
        }

        return Tidy(plain.ToString());
    }

    /// <summary>Takes away spaces that say nothing: all but those between two digits. For comparing as text, in lower case.</summary>
    public static string Squeeze(string plain)
    {
        StringBuilder squeezed = new(plain.Length);
        for (int i = 0; i < plain.Length; i++)
        {
            if (plain[i] == ' ' && !(i > 0 && i + 1 < plain.Length && char.IsAsciiDigit(plain[i - 1]) && char.IsAsciiDigit(plain[i + 1]))) continue;
            squeezed.Append(char.ToLowerInvariant(plain[i]));
        }

        return squeezed.ToString();
    }

    /// <summary>Handles the command whose name begins at <paramref name="at"/>; returns the index of its last character.</summary>
    private static int Command(string text, int at, StringBuilder plain, ref bool dropNextBrace)
    {
        dropNextBrace = false;
        if (at >= text.Length) return at;
        if (!char.IsAsciiLetter(text[at]))
        {
            switch (text[at])
            {
                case '{': plain.Append(OpenSet); break;
                case '}': plain.Append(CloseSet); break;
                case '%': plain.Append('%'); break;
                case '|': plain.Append('|'); break;
                case ',' or '!' when plain.Length > 0 && char.IsAsciiDigit(plain[^1]) && at + 1 < text.Length && char.IsAsciiDigit(text[at + 1]):
                    // 1\,000: a thin space inside a number.
                    break;
                case '$' or '(' or ')' or '[' or ']' or '!': break;
                case '_' or '&' or '#': plain.Append(text[at]); break;
                default: plain.Append(' '); break;
            }

            return at;
        }

        int end = at;
        while (end < text.Length && char.IsAsciiLetter(text[end])) end++;
        ReadOnlySpan<char> name = text.AsSpan(at, end - at);
        switch (name)
        {
            case "left" or "right" or "big" or "Big" or "bigg" or "Bigg" or "bigl" or "bigr" or "Bigl" or "Bigr" or "displaystyle" or "limits" or "rm" or "bf" or "it":
                break;
            case "text" or "textbf" or "textit" or "textrm" or "textsf" or "texttt" or "mathrm" or "mathbf" or "mathit" or "mathsf" or "mathbb" or "mathcal"
                or "mbox" or "hbox" or "operatorname" or "boxed" or "fbox" or "boldsymbol" or "bm" or "emph" or "underline":
                dropNextBrace = true;
                break;
            case "dfrac" or "tfrac" or "cfrac" or "frac": plain.Append("\\frac"); break;
            case "dbinom" or "tbinom" or "binom": plain.Append("\\binom"); break;
            case "cdot" or "times" or "ast": plain.Append('*'); break;
            case "div": plain.Append('/'); break;
            case "pm" or "mp": plain.Append('±'); break;
            case "approx" or "simeq" or "cong" or "equiv": plain.Append('='); break;
            case "le" or "leq" or "leqslant": plain.Append('≤'); break;
            case "ge" or "geq" or "geqslant": plain.Append('≥'); break;
            case "lt": plain.Append('<'); break;
            case "gt": plain.Append('>'); break;
            case "ne" or "neq": plain.Append('≠'); break;
            case "infty": plain.Append('∞'); break;
            case "pi": plain.Append('π'); break;
            case "cup": plain.Append('∪'); break;
            case "circ" or "degree": plain.Append('°'); break;
            case "lbrace": plain.Append(OpenSet); break;
            case "rbrace": plain.Append(CloseSet); break;
            case "lbrack": plain.Append('['); break;
            case "rbrack": plain.Append(']'); break;
            case "vert" or "lvert" or "rvert" or "mid": plain.Append('|'); break;
            case "colon": plain.Append(':'); break;
            case "quad" or "qquad" or "thinspace" or "enspace" or "hspace" or "space": plain.Append(' '); break;
            case "dots" or "ldots" or "cdots": plain.Append("..."); break;
            default:
                plain.Append('\\').Append(name);
                // The space behind a command ends its name; behind \alpha b it must stay.
                if (end < text.Length && text[end] == ' ') plain.Append(' ');
                break;
        }

        return end - 1;
    }

    private static void AppendCharacter(StringBuilder plain, char c)
    {
        switch (c)
        {
            case '−' or '–' or '—' or '‐' or '‑' or '﹣' or '－': plain.Append('-'); break;
            case '·' or '×' or '∗' or '⋅' or '•': plain.Append('*'); break;
            case '÷' or '⁄' or '∕': plain.Append('/'); break;
            case '≈' or '≅' or '≃': plain.Append('='); break;
            case '∓': plain.Append('±'); break;
            case '²': plain.Append("^2"); break;
            case '³': plain.Append("^3"); break;
            case '½': plain.Append("\\frac{1}{2}"); break;
            case '⅓': plain.Append("\\frac{1}{3}"); break;
            case '⅔': plain.Append("\\frac{2}{3}"); break;
            case '¼': plain.Append("\\frac{1}{4}"); break;
            case '¾': plain.Append("\\frac{3}{4}"); break;
            case '∘' or 'º' or '˚': plain.Append('°'); break;
            case '’' or '‘': plain.Append('\''); break;
            case '，' or '、': plain.Append(','); break;
            // The whole block of full-width forms lies at one distance from ASCII.
            case >= '！' and <= '～': plain.Append((char)(c - 0xFEE0)); break;
            default: plain.Append(c); break;
        }
    }

    /// <summary>Single spaces, no superscript around the degree sign, no sentence marks at the ends.</summary>
    private static string Tidy(string plain)
    {
        StringBuilder tidy = new(plain.Length);
        foreach (char c in plain)
        {
            if (c == ' ' && (tidy.Length == 0 || tidy[^1] == ' ')) continue;
            tidy.Append(c);
        }

        string text = tidy.Replace("^{°}", "°").Replace("^{ °}", "°").Replace("^{° }", "°").Replace("^ °", "°").Replace("^°", "°").Replace(" °", "°").ToString();
        ReadOnlySpan<char> rest = text.AsSpan();
        int before;
        do
        {
            before = rest.Length;
            rest = rest.Trim(" \n").TrimEnd(".;:,!?").TrimEnd(" ").Trim('\'');
            // Marks of bold text; a single star is a sign.
            if (rest.StartsWith("**")) rest = rest[2..];
            if (rest.EndsWith("**")) rest = rest[..^2];
        }
        while (rest.Length != before);
        // A factorial's mark is no sentence's: 5! keeps it.
        return text.AsSpan().Trim(' ') is [.., var digit, '!'] && char.IsAsciiDigit(digit) ? rest.ToString() + "!" : rest.ToString();
    }
}
