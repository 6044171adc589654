using System.CommandLine;
using System.CommandLine.Parsing;

namespace Sophia.Native.Cli;

/// <summary>Puts what the parser found wrong into one line in the words of this project: the option, what was expected, what was found.</summary>
internal static class UsageErrors
{
    public static string Describe(ParseResult parsed)
    {
        // What is unknown goes first: a misspelled option is missing too, and its value stands alone.
        if (parsed.UnmatchedTokens.Count > 0)
        {
            var found = parsed.UnmatchedTokens[0];
            return parsed.CommandResult.Command is RootCommand ? $"expected a verb, found '{found}'." : $"{parsed.CommandResult.Command.Name}: expected its options, found '{found}'.";
        }
        var missing = new List<string>();
        foreach (var error in parsed.Errors)
        {
            var result = OptionOf(error);
            if (result is null)
                return parsed.CommandResult.Command is RootCommand ? "expected a verb, found none." : error.Message;
            if (result.Tokens.Count > 0 || result.IdentifierTokenCount > 0)
                return Describe(error, result);
            missing.Add(result.Option.Name);
        }
        return $"{string.Join(" and ", missing)} {(missing.Count == 1 ? "is" : "are")} required.";
    }

    private static OptionResult? OptionOf(ParseError error) => error.SymbolResult as OptionResult ?? error.SymbolResult?.Parent as OptionResult;

    private static string Describe(ParseError error, OptionResult result)
    {
        var option = result.Option;
        if (result.Tokens.Count == 0)
            return $"{option.Name}: expected a value, found none.";
        var found = result.Tokens[^1].Value;
        if (error.Message.Contains("expects a single argument", StringComparison.Ordinal))
            return $"{option.Name}: expected one value, found {result.Tokens.Count}.";
        var kind = option.ValueType == typeof(int) || option.ValueType == typeof(long) ? "a whole number" : option.ValueType == typeof(float) ? "a number" : null;
        if (kind is not null && error.Message.StartsWith("Cannot parse", StringComparison.Ordinal))
            return $"{option.Name}: expected {kind}, found '{found}'.";
        var choices = error.Message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return choices.Length > 1 ? $"{option.Name}: expected {string.Join(", ", choices[1..]).Replace("'", "")}, found '{found}'." : $"{option.Name}: {error.Message}";
    }
}
