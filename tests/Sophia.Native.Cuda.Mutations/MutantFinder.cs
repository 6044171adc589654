using System.Globalization;
using System.Text.RegularExpressions;

namespace Sophia.Native.Cuda.Mutations;

/// <summary>
/// Finds what can be broken in a kernel file. The sources are written so that text is enough: a comparison has spaces around it, the brackets of a template have none.
/// Left alone are the smaller and the larger of two (<c>a &lt; b ? a : b</c> gives the same where a equals b), comparisons with a floating-point literal, which are no bounds,
/// and waits with a smaller count, which only wait longer.
/// </summary>
internal static partial class MutantFinder
{
    /// <summary>All mutants of a file, in its order.</summary>
    public static List<Mutant> Find(string file, string source)
    {
        var code = Comment().Replace(source, comment => new string(' ', comment.Length));
        code = Directive().Replace(code, directive => new string(' ', directive.Length));
        var mutants = new List<Mutant>();
        var occurrences = new Dictionary<string, int>();
        var functions = Definition().Matches(code).Select(definition => (definition.Index, Name: definition.Groups["name"].Value)).ToList();
        for (var start = 0; start < code.Length;)
        {
            var end = code.IndexOf('\n', start) is var found and >= 0 ? found : code.Length;
            var line = code[start..end];
            var changes = Changes(line);
            if (changes.Count > 0)
            {
                var function = functions.FindLast(begun => begun.Index <= end).Name ?? "";
                var text = line.Trim();
                var key = $"{function} {text}";
                var occurrence = occurrences[key] = occurrences.GetValueOrDefault(key) + 1;
                for (var i = 0; i < changes.Count; i++)
                {
                    var (kind, offset, before, after) = changes[i];
                    mutants.Add(new(file, function, kind, start + offset, before, after, text, string.Create(CultureInfo.InvariantCulture, $"{occurrence}.{i + 1}")));
                }
            }
            start = end + 1;
        }
        return mutants;
    }

    private static List<(MutationKind Kind, int Offset, string Found, string Replacement)> Changes(string line)
    {
        var changes = new List<(MutationKind, int, string, string)>();
        foreach (Match barrier in Barrier().Matches(line))
            changes.Add((MutationKind.Barrier, barrier.Index, barrier.Value, ""));
        foreach (Match wait in Wait().Matches(line))
            changes.Add((MutationKind.Wait, wait.Index, wait.Value, $"copy_async_wait<{wait.Groups["count"].Value} + 1>"));
        foreach (Match comparison in Comparison().Matches(line))
        {
            var at = comparison.Groups["operator"].Index;
            var before = comparison.Groups["operator"].Value;
            var (left, right) = (Cast().Replace(line[..comparison.Index], "$1"), Cast().Replace(line[(comparison.Index + comparison.Length)..], "$1"));
            if (IsFloating(left, right) || IsExtremum(left, right))
                continue;
            if (before == ">" && HalvesToZero().IsMatch(right))
                changes.Add((MutationKind.Bound, at, "> 0", "> 1"));
            else
                changes.Add((MutationKind.Bound, at, before, before.EndsWith('=') ? before[..^1] : before + "="));
        }
        return changes;
    }

    /// <summary>Whether one side of the comparison is a floating-point literal.</summary>
    private static bool IsFloating(string left, string right) => FloatingEnd().IsMatch(left) || FloatingBegin().IsMatch(right);

    /// <summary>Whether the comparison chooses between its own two sides.</summary>
    private static bool IsExtremum(string left, string right)
    {
        var question = right.IndexOf(" ? ", StringComparison.Ordinal);
        if (question < 0)
            return false;
        var compared = right[..question];
        var choice = right[(question + 3)..];
        var colon = choice.IndexOf(" : ", StringComparison.Ordinal);
        if (colon < 0)
            return false;
        var (first, second) = (choice[..colon], choice[(colon + 3)..]);
        return (left.EndsWith(first, StringComparison.Ordinal) && second.StartsWith(compared, StringComparison.Ordinal))
            || (left.EndsWith(second.TrimEnd(';', ')', ','), StringComparison.Ordinal) && first == compared);
    }

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"^[ \t]*#[^\n]*", RegexOptions.Multiline)]
    private static partial Regex Directive();

    [GeneratedRegex(@"(?:DEVICE\s[\w&*: <>]+?|KERNEL(?:_BOUNDS)?\([^)]*\)\s*)(?<name>\w+)\s*\(")]
    private static partial Regex Definition();

    [GeneratedRegex(@"static_cast<[^>]*>\(([^()]*)\)")]
    private static partial Regex Cast();

    [GeneratedRegex(@"__sync(?:threads|warp)\(\);")]
    private static partial Regex Barrier();

    [GeneratedRegex(@"copy_async_wait<(?<count>[^>]+)>")]
    private static partial Regex Wait();

    [GeneratedRegex(@" (?<operator><=|>=|<|>) ")]
    private static partial Regex Comparison();

    [GeneratedRegex(@"^0; \w+ (?:/= 2|>>= 1)")]
    private static partial Regex HalvesToZero();

    [GeneratedRegex(@"\d\.\d*(?:e-?\d+)?f?$")]
    private static partial Regex FloatingEnd();

    [GeneratedRegex(@"^-?\d+\.\d*")]
    private static partial Regex FloatingBegin();
}
