using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Cli.Profiling;

/// <summary>
/// What every operation took: a Chrome trace (chrome://tracing, Perfetto) and a table of totals. The bound of an operation is the longer of its operations at the peak and
/// its bytes at the bandwidth, both measured on the same backend at the end; data that stays in the caches can beat the bandwidth of the memory.
/// </summary>
/// <param name="path">The trace.</param>
/// <param name="output">Where the table goes.</param>
internal sealed class Profile(string path, CommandOutput output)
{
    private const int MostEvents = 2_000_000;

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly List<Event> _events = [];
    private readonly Dictionary<string, Total> _totals = [];
    private long _lost;

    public void Add(string operation, long begin, long end, double operations, long bytes)
    {
        if (!_totals.TryGetValue(operation, out var total))
            _totals.Add(operation, total = new());
        total.Calls++;
        total.Seconds += Stopwatch.GetElapsedTime(begin, end).TotalSeconds;
        total.Operations += operations;
        total.Bytes += bytes;
        if (_events.Count < MostEvents)
            _events.Add(new(operation, begin, end, operations, bytes));
        else
            _lost++;
    }

    /// <summary>Measures the backend, prints the table and writes the trace.</summary>
    public void Finish(Backend backend)
    {
        if (_totals.Count == 0)
            return;
        var bound = BackendBound.Measure(backend);
        Print(bound);
        try
        {
            AtomicFile.Write(path, stream => Write(stream, backend, bound));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The work itself is done or has told its own fault.
            output.Note($"profile: {fault.Message}");
        }
    }

    private void Print(BackendBound bound)
    {
        var all = _totals.Values.Sum(total => total.Seconds);
        output.Note(string.Create(CultureInfo.InvariantCulture, $"profile: {all:0.000} s in operations of {Stopwatch.GetElapsedTime(_start).TotalSeconds:0.000} s; peak {bound.OperationsPerSecond / 1e9:0} GFLOP/s, memory {bound.BytesPerSecond / 1e9:0.0} GB/s"));
        output.Note($"{"operation",-30} {"calls",8} {"seconds",9} {"share",7} {"GFLOP/s",8} {"GB/s",7} {"of bound",9}");
        foreach (var (name, total) in _totals.OrderByDescending(entry => entry.Value.Seconds))
        {
            output.Note(string.Create(CultureInfo.InvariantCulture,
                $"{name,-30} {total.Calls,8} {total.Seconds,9:0.000} {total.Seconds / all,7:P1} {total.Operations / total.Seconds / 1e9,8:0.0} {total.Bytes / total.Seconds / 1e9,7:0.0} {bound.Seconds(total.Operations, total.Bytes) / total.Seconds,9:P0}"));
        }
        if (_lost > 0)
            output.Note($"profile: the trace holds the first {MostEvents} operations; {_lost} more are in the table alone.");
    }

    private void Write(Stream stream, Backend backend, BackendBound bound)
    {
        using var json = new Utf8JsonWriter(stream);
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ms");
        json.WriteStartObject("otherData");
        json.WriteString("backend", backend.Description);
        json.WriteNumber("peak_operations_per_second", bound.OperationsPerSecond);
        json.WriteNumber("memory_bytes_per_second", bound.BytesPerSecond);
        json.WriteEndObject();
        json.WriteStartArray("traceEvents");
        foreach (var item in _events)
        {
            var seconds = Stopwatch.GetElapsedTime(item.Begin, item.End).TotalSeconds;
            json.WriteStartObject();
            json.WriteString("name", item.Name);
            json.WriteString("ph", "X");
            json.WriteNumber("pid", 1);
            json.WriteNumber("tid", 1);
            json.WriteNumber("ts", Stopwatch.GetElapsedTime(_start, item.Begin).TotalMicroseconds);
            json.WriteNumber("dur", seconds * 1e6);
            json.WriteStartObject("args");
            json.WriteNumber("operations", item.Operations);
            json.WriteNumber("bytes", item.Bytes);
            json.WriteNumber("share_of_bound", bound.Seconds(item.Operations, item.Bytes) / Math.Max(seconds, 1e-9));
            json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private readonly record struct Event(string Name, long Begin, long End, double Operations, long Bytes);

    private sealed class Total
    {
        public long Calls { get; set; }

        public double Seconds { get; set; }

        public double Operations { get; set; }

        public long Bytes { get; set; }
    }
}
