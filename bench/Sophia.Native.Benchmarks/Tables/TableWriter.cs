using System.Text;

namespace Sophia.Native.Benchmarks.Tables;

/// <summary>Writes a Markdown table line by line, to the console and, where asked for, to a file that is complete after every line.</summary>
internal sealed class TableWriter : IDisposable
{
    private readonly StreamWriter? _file;

    public TableWriter(string? path) => _file = path is null ? null : new StreamWriter(path, append: true, new UTF8Encoding(false)) { AutoFlush = true };

    public void Line(string text)
    {
        Console.WriteLine(text);
        _file?.WriteLine(text);
    }

    public void Header(params ReadOnlySpan<string> columns)
    {
        Row(columns);
        Line("|" + string.Concat(Enumerable.Repeat("---|", columns.Length)));
    }

    public void Row(params ReadOnlySpan<string> cells) => Line("| " + string.Join(" | ", cells) + " |");

    public void Dispose() => _file?.Dispose();
}
