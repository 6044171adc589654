using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Cli;

/// <summary>Where a verb's words go: results to stdout, notes to stderr, and with --json nothing but JSON to stdout.</summary>
internal sealed class CommandOutput(ParseResult parsed)
{
    private readonly bool _quiet = parsed.GetValue(SharedOptions.LogLevel) == "quiet";

    public bool IsJson { get; } = parsed.GetValue(SharedOptions.Json);

    public static bool IsTerminal => !Console.IsErrorRedirected;

    /// <summary>What a person should know but no program reads.</summary>
    public void Note(string text)
    {
        if (!_quiet)
            Console.Error.WriteLine(text);
    }

    /// <summary>A line of a table or text for a person; with --json it goes to stderr.</summary>
    public void Line(string text)
    {
        if (IsJson)
            Note(text);
        else
            Console.WriteLine(text);
    }

    /// <summary>The result as one JSON object, with --json only.</summary>
    public void Json(Action<Utf8JsonWriter> fields)
    {
        if (!IsJson)
            return;
        using var stdout = Console.OpenStandardOutput();
        using var lines = new JsonLinesWriter(stdout);
        lines.Write(fields);
    }

    /// <summary>Writes records to a file, whole or not at all, or to stdout as they come.</summary>
    /// <param name="path">The file; null for stdout.</param>
    /// <param name="write">Writes each record.</param>
    public static void Records(string? path, Action<JsonLinesWriter> write)
    {
        if (path is null)
        {
            using var stdout = new BufferedStream(Console.OpenStandardOutput());
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

    public static string Bytes(long bytes) => bytes switch
    {
        >= 1L << 30 => (bytes / (double)(1L << 30)).ToString("0.00", CultureInfo.InvariantCulture) + " GiB",
        >= 1L << 20 => (bytes / (double)(1L << 20)).ToString("0.0", CultureInfo.InvariantCulture) + " MiB",
        _ => (bytes / 1024.0).ToString("0.0", CultureInfo.InvariantCulture) + " KiB",
    };
}
