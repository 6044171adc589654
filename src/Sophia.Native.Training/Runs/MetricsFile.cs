using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Training.Runs;

/// <summary>OUT/metrics.jsonl: a line per step, handed to the operating system at once, cut back to the checkpoint on resumption.</summary>
internal sealed class MetricsFile : IDisposable
{
    private readonly FileStream _stream;
    private readonly JsonLinesWriter _lines;

    public MetricsFile(string path)
    {
        _stream = new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 1 << 16);
        _lines = new(_stream);
    }

    /// <summary>Cuts every line after the given step, and a torn last line.</summary>
    public void CutAfter(int lastStep)
    {
        _stream.Position = 0;
        _stream.SetLength(EndOfStep(lastStep));
        _stream.Position = _stream.Length;
    }

    public void Write(Action<Utf8JsonWriter> fields)
    {
        _lines.Write(fields);
        _stream.Flush();
    }

    public void FlushToDisk() => _stream.Flush(flushToDisk: true);

    public void Dispose()
    {
        _lines.Dispose();
        _stream.Dispose();
    }

    private long EndOfStep(int lastStep)
    {
        var bytes = new byte[_stream.Length];
        _stream.ReadExactly(bytes);
        var end = 0;
        while (end < bytes.Length)
        {
            var length = bytes.AsSpan(end).IndexOf((byte)'\n');
            if (length < 0 || StepOf(bytes.AsSpan(end, length)) is not { } step || step > lastStep)
                break;
            end += length + 1;
        }
        return end;
    }

    private static int? StepOf(ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            using var document = JsonDocument.ParseValue(ref reader);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("step", out var step) && step.ValueKind == JsonValueKind.Number && step.TryGetInt32(out var number) ? number : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
