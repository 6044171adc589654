using System.CommandLine;
using System.CommandLine.Parsing;

namespace Sophia.Native.Cli;

/// <summary>Puts what the parser found wrong into the words of this project: the option, what was expected, what was found.</summary>
internal static class UsageErrors
{
    public static IEnumerable<string> Describe(ParseResult parsed)
    {
        var hasUnknown = parsed.UnmatchedTokens.Count > 0;
        foreach (var error in parsed.Errors)
        {
            // An unknown verb is one fault, not two.
            if (hasUnknown && error.SymbolResult is CommandResult && error.Message.StartsWith("Required command", StringComparison.Ordinal))
                continue;
            yield return Describe(error);
        }
    }

    private static string Describe(ParseError error)
    {
        var result = error.SymbolResult as OptionResult ?? error.SymbolResult?.Parent as OptionResult;
        if (result is null)
            return error.SymbolResult is CommandResult && error.Message.StartsWith("Required command", StringComparison.Ordinal) ? "expected a verb, found none." : error.Message;
        var option = result.Option;
        if (result.Tokens.Count == 0)
            return error.Message.Contains("is required", StringComparison.Ordinal) ? $"{option.Name} is required." : $"{option.Name}: expected a value, found none.";
        var kind = option.ValueType == typeof(int) || option.ValueType == typeof(long) ? "a whole number" : option.ValueType == typeof(float) ? "a number" : null;
        if (kind is not null && error.Message.StartsWith("Cannot parse", StringComparison.Ordinal))
            return $"{option.Name}: expected {kind}, found '{result.Tokens[^1].Value}'.";
        var choices = error.Message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return choices.Length > 1 ? $"{option.Name}: expected {string.Join(", ", choices[1..]).Replace("'", "")}, found '{result.Tokens[^1].Value}'." : $"{option.Name}: {error.Message}";
    }
}
