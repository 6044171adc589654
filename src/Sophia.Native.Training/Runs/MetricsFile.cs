using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Training.Runs;

/// <summary>OUT/metrics.jsonl: a line per step and one per evaluation, handed to the operating system at once, cut back to the checkpoint on resumption.</summary>
internal sealed class MetricsFile : IDisposable
{
    private const string EvaluationField = "evaluation";

    private readonly FileStream _stream;
    private readonly JsonLinesWriter _lines;

    public MetricsFile(string path)
    {
        _stream = new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 1 << 16);
        _lines = new(_stream);
    }

    /// <summary>The step of the last evaluation in the file, or 0.</summary>
    public int LastEvaluation { get; private set; }

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

    /// <summary>Writes a line with an object of its own for what an evaluation found.</summary>
    public void WriteEvaluation(int step, Action<Utf8JsonWriter> fields)
    {
        Write(json =>
        {
            json.WriteNumber("step", step);
            json.WriteStartObject(EvaluationField);
            fields(json);
            json.WriteEndObject();
        });
        LastEvaluation = step;
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
            if (length < 0 || Read(bytes.AsSpan(end, length)) is not { } line || line.Step > lastStep)
                break;
            if (line.IsEvaluation)
                LastEvaluation = line.Step;
            end += length + 1;
        }
        return end;
    }

    private static (int Step, bool IsEvaluation)? Read(ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            using var document = JsonDocument.ParseValue(ref reader);
            var root = document.RootElement;
            return root.ValueKind == JsonValueKind.Object && root.TryGetProperty("step", out var step) && step.ValueKind == JsonValueKind.Number && step.TryGetInt32(out var number)
                ? (number, root.TryGetProperty(EvaluationField, out _)) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
