using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Cli;

/// <summary>Where a verb's words go: results to stdout, notes to stderr, and with --json nothing but JSON to stdout.</summary>
internal sealed class CommandOutput(ParseResult parsed)
{
    private readonly string _logLevel = parsed.GetValue(SharedOptions.LogLevel)!;
    private int _statusLength;

    public bool IsJson { get; } = parsed.GetValue(SharedOptions.Json);

    public bool IsDebug => _logLevel == "debug";

    /// <summary>Whether a person watches stderr.</summary>
    public bool IsTerminal { get; } = ReferenceEquals(parsed.InvocationConfiguration.Error, Console.Error) && !Console.IsErrorRedirected;

    public TextWriter Out { get; } = parsed.InvocationConfiguration.Output;

    private TextWriter Error { get; } = parsed.InvocationConfiguration.Error;

    /// <summary>What a person should know but no program reads.</summary>
    public void Note(string text)
    {
        if (_logLevel == "quiet")
            return;
        ClearStatus();
        Error.WriteLine(text);
    }

    /// <summary>A line on a terminal that the next one replaces.</summary>
    public void Status(string text)
    {
        if (_logLevel == "quiet")
            return;
        Error.Write("\r" + text.PadRight(_statusLength));
        _statusLength = text.Length;
    }

    /// <summary>Ends the line that was replaced again and again.</summary>
    public void EndStatus()
    {
        if (_statusLength > 0)
            Error.WriteLine();
        _statusLength = 0;
    }

    /// <summary>A line of a table or text for a person; with --json it goes to stderr.</summary>
    public void Line(string text)
    {
        if (IsJson)
            Note(text);
        else
            Out.WriteLine(text);
    }

    /// <summary>The result as one JSON object, with --json only.</summary>
    public void Json(Action<Utf8JsonWriter> fields)
    {
        if (IsJson)
            Records(null, lines => lines.Write(fields));
    }

    /// <summary>Writes records to a file, whole or not at all, or to stdout as they come.</summary>
    /// <param name="path">The file; null for stdout.</param>
    /// <param name="write">Writes each record.</param>
    public void Records(string? path, Action<JsonLinesWriter> write)
    {
        if (path is null)
        {
            using var stdout = OpenOutput();
            using var lines = new JsonLinesWriter(stdout);
            write(lines);
            return;
        }
        AtomicFile.Write(path, stream =>
        {
            using var lines = new JsonLinesWriter(stream);
            write(lines);
        });
    }

    /// <summary>Standard output for lines.</summary>
    public Stream OpenOutput() => new StandardOutput(Out);

    public static string Bytes(long bytes) => bytes switch
    {
        >= 1L << 30 => (bytes / (double)(1L << 30)).ToString("0.00", CultureInfo.InvariantCulture) + " GiB",
        >= 1L << 20 => (bytes / (double)(1L << 20)).ToString("0.0", CultureInfo.InvariantCulture) + " MiB",
        _ => (bytes / 1024.0).ToString("0.0", CultureInfo.InvariantCulture) + " KiB",
    };

    private void ClearStatus()
    {
        if (_statusLength > 0)
            Error.Write("\r" + new string(' ', _statusLength) + "\r");
        _statusLength = 0;
    }
}
