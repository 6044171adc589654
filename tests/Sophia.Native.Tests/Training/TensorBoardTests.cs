using System.Text.Json;
using Sophia.Native.Models;
using Sophia.Native.Training.Runs;

namespace Sophia.Native.Tests.Training;

public sealed class TensorBoardTests : IDisposable
{
    private static readonly Sample[] Samples = TinyModel.Samples(7);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>RFC 3720, appendix B.4, and the usual check value.</summary>
    [Fact]
    public void The_readers_checksum_is_the_published_one()
    {
        Assert.Equal(0xE3069283u, EventReader.Checksum("123456789"u8));
        Assert.Equal(0x8A9136AAu, EventReader.Checksum(new byte[32]));
        Assert.Equal(0x62A8AB43u, EventReader.Checksum(Enumerable.Repeat((byte)0xFF, 32).ToArray()));
    }

    [Fact]
    public void Every_number_of_the_metrics_stands_in_the_events()
    {
        var before = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0;
        RunFolder.Execute(_folder.File("out"), RunFolder.Recipe with { EvaluateEvery = 4 }, [new SampleSource("pictures", Samples, 1), new("größer.jsonl", TinyModel.Samples(2), 1)],
            evaluate: (step, _) => [new("pass@1", step / 10.0)]);
        var file = Assert.Single(Directory.GetFiles(_folder.File("out"), "*tfevents*"));
        Assert.Matches(@"^events\.out\.tfevents\.\d{10}\.0000$", Path.GetFileName(file));
        var events = EventReader.ReadFile(file);
        Assert.Equal(("brain.Event:2", 0L), (events[0].Version, events[0].Step));
        Assert.All(events, entry => Assert.InRange(entry.Time, before - 1, before + 600));
        Assert.DoesNotContain(events, entry => entry.StartsSession);
        var lines = File.ReadLines(Path.Combine(_folder.File("out"), "metrics.jsonl")).Select(line => JsonElement.Parse(line)).ToArray();
        Assert.Equal(10 + 3, lines.Length);
        Assert.Equal(lines.Length, events.Count - 1);
        for (var i = 0; i < lines.Length; i++)
        {
            Assert.Equal(lines[i].GetProperty("step").GetInt64(), events[i + 1].Step);
            Assert.Equal(Flatten(lines[i]), events[i + 1].Scalars);
        }
        Assert.Contains(("eval/pass@1", 0.8f), events.SelectMany(entry => entry.Scalars));
        Assert.Contains(events.SelectMany(entry => entry.Scalars), scalar => scalar.Tag == "sequences/größer.jsonl");
    }

    [Fact]
    public void A_resumed_run_begins_a_file_that_makes_later_steps_of_the_former_void()
    {
        RunFolder.Execute(_folder.File("unbroken"), RunFolder.Recipe, Samples);
        // As if it had been killed after step 5: its last checkpoint is that of step 4.
        var recipe = RunFolder.Recipe with { CheckpointEvery = 4 };
        RunFolder.Execute(_folder.File("out"), recipe, Samples);
        foreach (var step in (int[])[8, 10])
            Directory.Delete(Path.Combine(RunFolder.Checkpoints(_folder.File("out")), $"step-{step:D8}"), recursive: true);
        RunFolder.Execute(_folder.File("out"), recipe, Samples, resume: true);
        var files = Directory.GetFiles(_folder.File("out"), "*tfevents*").Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(2, files.Length);
        var second = EventReader.ReadFile(files[1]);
        Assert.Equal((true, 5L), (second[1].StartsSession, second[1].Step));
        Assert.Equal([5, 6, 7, 8, 9, 10], second.Skip(2).Select(entry => entry.Step));
        Assert.Equal(Losses("unbroken"), Losses("out"));
        Assert.Equal(10, Losses("out").Count);
    }

    [Fact]
    public void A_value_that_is_not_finite_is_left_out()
    {
        Directory.CreateDirectory(_folder.File("out"));
        using (var board = new TensorBoardFile(_folder.File("out"), 1))
            board.WriteScalars(300, [new("a", double.NaN), new("b", 2), new("c", double.PositiveInfinity)]);
        var last = EventReader.ReadFolder(_folder.File("out"))[^1];
        Assert.Equal((300L, ("b", 2f)), (last.Step, Assert.Single(last.Scalars)));
    }

    private List<(long, float)> Losses(string run) =>
        [.. EventReader.ReadFolder(_folder.File(run)).SelectMany(entry => entry.Scalars.Where(scalar => scalar.Tag == "train/loss").Select(scalar => (entry.Step, scalar.Value)))];

    /// <summary>The tags and values of a line of metrics.</summary>
    private static List<(string, float)> Flatten(JsonElement line)
    {
        var values = new List<(string, float)>();
        foreach (var field in line.EnumerateObject())
        {
            if (field.Name == "step")
                continue;
            if (field.Value.ValueKind == JsonValueKind.Object)
                values.AddRange(field.Value.EnumerateObject().Select(inner => ((field.Name == "evaluation" ? "eval/" : field.Name + "/") + inner.Name, (float)inner.Value.GetDouble())));
            else
                values.Add(("train/" + field.Name, (float)field.Value.GetDouble()));
        }
        return values;
    }
}
