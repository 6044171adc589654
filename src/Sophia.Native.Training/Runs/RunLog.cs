using System.Text.Json;

namespace Sophia.Native.Training.Runs;

/// <summary>What a run writes about itself: metrics.jsonl, cut back to the checkpoint on resumption, and the same numbers for TensorBoard.</summary>
internal sealed class RunLog : IDisposable
{
    private readonly MetricsFile _metrics;
    private readonly string _folder;
    private TensorBoardFile? _board;

    /// <summary>Opens the metrics of a folder; nothing is written before <see cref="Begin"/>.</summary>
    public RunLog(string folder)
    {
        _folder = folder;
        _metrics = new(Path.Combine(folder, "metrics.jsonl"));
    }

    /// <summary>The last step whose evaluation is written.</summary>
    public int LastEvaluation => _metrics.LastEvaluation;

    /// <summary>Forgets every step after the given one.</summary>
    public void Begin(int lastStep)
    {
        _metrics.CutAfter(lastStep);
        _board = new(_folder, lastStep + 1);
    }

    /// <summary>Writes what a step measured.</summary>
    /// <param name="step">The step.</param>
    /// <param name="values">Names and values in their order.</param>
    /// <param name="sequences">How many sequences came from each source; empty where there is one.</param>
    public void WriteStep(int step, IReadOnlyList<KeyValuePair<string, double>> values, IReadOnlyList<KeyValuePair<string, double>> sequences)
    {
        _metrics.Write(json =>
        {
            json.WriteNumber("step", step);
            WriteNumbers(json, values);
            if (sequences.Count == 0)
                return;
            json.WriteStartObject("sequences");
            WriteNumbers(json, sequences);
            json.WriteEndObject();
        });
        _board!.WriteScalars(step, [.. Tagged("train/", values), .. Tagged("sequences/", sequences)]);
    }

    /// <summary>Writes what an evaluation after a step measured.</summary>
    public void WriteEvaluation(int step, IReadOnlyList<KeyValuePair<string, double>> values)
    {
        _metrics.WriteEvaluation(step, json => WriteNumbers(json, values));
        _board!.WriteScalars(step, Tagged("eval/", values));
    }

    public void FlushToDisk()
    {
        _metrics.FlushToDisk();
        _board?.FlushToDisk();
    }

    public void Dispose()
    {
        _metrics.Dispose();
        _board?.Dispose();
    }

    private static IEnumerable<KeyValuePair<string, double>> Tagged(string group, IReadOnlyList<KeyValuePair<string, double>> values)
    {
        foreach (var (name, value) in values)
            yield return new(group + name, value);
    }

    /// <summary>A ratio before clipping may exceed the numbers, which is no reason to stop: JSON has no word for it but null.</summary>
    private static void WriteNumbers(Utf8JsonWriter json, IReadOnlyList<KeyValuePair<string, double>> values)
    {
        foreach (var (name, value) in values)
        {
            if (double.IsFinite(value))
                json.WriteNumber(name, value);
            else
                json.WriteNull(name);
        }
    }
}
