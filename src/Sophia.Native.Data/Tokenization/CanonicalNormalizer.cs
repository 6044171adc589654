using System.Globalization;
using System.Text;

namespace Sophia.Native.Data.Tokenization;

/// <summary>
/// Unicode normalization form C (Unicode Standard Annex 15) with tables of its own.
/// <see cref="string.Normalize()"/> returns its input unchanged where InvariantGlobalization is on, and follows the operating system's library where it is off;
/// token ids must depend on neither.
/// </summary>
internal static class CanonicalNormalizer
{
    private const int HangulSyllables = 0xAC00, LeadingJamo = 0x1100, VowelJamo = 0x1161, TrailingJamo = 0x11A7;
    private const int LeadingCount = 19, VowelCount = 21, TrailingCount = 28, SyllableCount = LeadingCount * VowelCount * TrailingCount;

    /// <summary>Below this code point every character is its own normal form and none composes with what precedes it.</summary>
    private const int FirstActive = 0x300;

    private const int TableEnd = 0x30000;

    private static readonly Tables s_tables = Tables.Load();

    /// <summary>The text in normalization form C; the same instance where it already is. Lone surrogates pass through.</summary>
    public static string Normalize(string text) => IsCertainlyNormal(text) ? text : Rewrite(text);

    /// <summary>True if no character can change or be changed by a neighbor; false means "perhaps", not "no".</summary>
    public static bool IsCertainlyNormal(ReadOnlySpan<char> text)
    {
        int start = text.IndexOfAnyExceptInRange('\0', (char)(FirstActive - 1));
        if (start < 0) return true;
        for (int i = start; i < text.Length; i++)
        {
            int code = text[i];
            if (code < FirstActive) continue;
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                code = char.ConvertToUtf32(text[i], text[i + 1]);
                i++;
            }

            if (s_tables.IsActive(code)) return false;
        }

        return true;
    }

    private static string Rewrite(string text)
    {
        List<int> codes = new(text.Length + 16);
        for (int i = 0; i < text.Length; i++)
        {
            int code = text[i];
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                code = char.ConvertToUtf32(text[i], text[i + 1]);
                i++;
            }

            Decompose(code, codes);
        }

        SortMarks(codes);
        Compose(codes);
        StringBuilder result = new(codes.Count);
        foreach (int code in codes)
        {
            if (code < 0x10000) result.Append((char)code);
            else result.Append((char)(0xD7C0 + (code >> 10))).Append((char)(0xDC00 + (code & 0x3FF)));
        }

        return result.ToString();
    }

    private static void Decompose(int code, List<int> codes)
    {
        int syllable = code - HangulSyllables;
        if ((uint)syllable < SyllableCount)
        {
            codes.Add(LeadingJamo + syllable / (VowelCount * TrailingCount));
            codes.Add(VowelJamo + syllable % (VowelCount * TrailingCount) / TrailingCount);
            if (syllable % TrailingCount != 0) codes.Add(TrailingJamo + syllable % TrailingCount);
        }
        else if (s_tables.Decompositions.TryGetValue(code, out int[]? parts))
        {
            codes.AddRange(parts);
        }
        else
        {
            codes.Add(code);
        }
    }

    /// <summary>Puts each run of marks into the order of their combining classes; equal classes keep theirs.</summary>
    private static void SortMarks(List<int> codes)
    {
        for (int start = 0; start < codes.Count; start++)
        {
            if (s_tables.CombiningClass(codes[start]) == 0) continue;
            int end = start + 1;
            bool sorted = true;
            while (end < codes.Count && s_tables.CombiningClass(codes[end]) is not 0 and int combiningClass)
            {
                sorted &= s_tables.CombiningClass(codes[end - 1]) <= combiningClass;
                end++;
            }

            if (!sorted)
            {
                // The position in the low bits makes the order stable; a run may be as long as the text, so insertion sort would not do.
                long[] keys = new long[end - start];
                int[] marks = new int[end - start];
                for (int i = 0; i < keys.Length; i++)
                {
                    marks[i] = codes[start + i];
                    keys[i] = ((long)s_tables.CombiningClass(marks[i]) << 32) | (uint)i;
                }

                Array.Sort(keys, marks);
                for (int i = 0; i < marks.Length; i++) codes[start + i] = marks[i];
            }

            start = end;
        }
    }

    private static void Compose(List<int> codes)
    {
        int starter = -1, written = 0, lastClass = 0;
        for (int read = 0; read < codes.Count; read++)
        {
            int code = codes[read];
            int combiningClass = s_tables.CombiningClass(code);

            // A mark is blocked from its starter by a mark of an equal or higher class between them; a second starter by anything between them.
            bool reachable = starter >= 0 && (written - 1 == starter || (lastClass != 0 && lastClass < combiningClass));
            if (reachable && TryCompose(codes[starter], code, out int composite))
            {
                codes[starter] = composite;
                continue;
            }

            if (combiningClass == 0) starter = written;
            lastClass = combiningClass;
            codes[written++] = code;
        }

        codes.RemoveRange(written, codes.Count - written);
    }

    private static bool TryCompose(int first, int second, out int composite)
    {
        int leading = first - LeadingJamo, vowel = second - VowelJamo;
        if ((uint)leading < LeadingCount && (uint)vowel < VowelCount)
        {
            composite = HangulSyllables + (leading * VowelCount + vowel) * TrailingCount;
            return true;
        }

        int syllable = first - HangulSyllables, trailing = second - TrailingJamo;
        if ((uint)syllable < SyllableCount && syllable % TrailingCount == 0 && trailing is > 0 and < TrailingCount)
        {
            composite = first + trailing;
            return true;
        }

        return s_tables.Compositions.TryGetValue(((long)first << 32) | (uint)second, out composite);
    }

    /// <summary>The contents of normalization.txt, whose first lines say how to read it.</summary>
    private sealed class Tables
    {
        public readonly Dictionary<int, int[]> Decompositions = new(2100);
        public readonly Dictionary<long, int> Compositions = new(1000);
        private readonly byte[] _combiningClass = new byte[TableEnd];
        private readonly ulong[] _active = new ulong[TableEnd / 64];

        public int CombiningClass(int code) => code < TableEnd ? _combiningClass[code] : 0;

        public bool IsActive(int code) => code < TableEnd && (_active[code >> 6] >> (code & 63) & 1) != 0;

        public static Tables Load()
        {
            Tables tables = new();
            using Stream stream = typeof(CanonicalNormalizer).Assembly.GetManifestResourceStream("Sophia.Native.Data.normalization.txt")!;
            using StreamReader reader = new(stream, Encoding.UTF8);
            List<(int Code, int[] Parts)> composable = new(1000);
            while (reader.ReadLine() is { } line)
            {
                if (line.Length == 0 || line[0] == '#') continue;
                int mark = line.AsSpan().IndexOfAny('=', '>');
                if (mark < 0)
                {
                    tables.AddCombiningClass(line);
                    continue;
                }

                int code = ParseCode(line.AsSpan(0, mark));
                int[] parts = Array.ConvertAll(line[(mark + 1)..].Split(' '), part => ParseCode(part));
                tables.Decompositions.Add(code, parts);
                if (line[mark] == '=') composable.Add((code, parts));
                else tables.SetActive(code);
            }

            tables.AddCompositions(composable);
            for (int jamo = VowelJamo; jamo < VowelJamo + VowelCount; jamo++) tables.SetActive(jamo);
            for (int jamo = TrailingJamo + 1; jamo < TrailingJamo + TrailingCount; jamo++) tables.SetActive(jamo);
            return tables;
        }

        private static int ParseCode(ReadOnlySpan<char> hexadecimal) => int.Parse(hexadecimal, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

        private void SetActive(int code) => _active[code >> 6] |= 1UL << (code & 63);

        private void AddCombiningClass(string line)
        {
            int space = line.IndexOf(' ');
            byte combiningClass = byte.Parse(line.AsSpan(0, space), CultureInfo.InvariantCulture);
            string[] range = line[(space + 1)..].Split("..");
            for (int code = ParseCode(range[0]); code <= ParseCode(range[^1]); code++)
            {
                // The supplementary planes hold marks up to U+1E94A only.
                _combiningClass[code] = combiningClass;
                SetActive(code);
            }
        }

        /// <summary>Pairs (composite of all but the last part, last part), the shorter sequences first because the longer are built on them.</summary>
        private void AddCompositions(List<(int Code, int[] Parts)> composable)
        {
            Dictionary<string, int> composites = new(composable.Count);
            foreach ((int code, int[] parts) in composable) composites.Add(string.Join(' ', parts), code);
            foreach ((int code, int[] parts) in composable)
            {
                int first = parts.Length == 2 ? parts[0] : composites[string.Join(' ', parts[..^1])];
                Compositions.Add(((long)first << 32) | (uint)parts[^1], code);
                SetActive(parts[^1]);
            }
        }
    }
}
