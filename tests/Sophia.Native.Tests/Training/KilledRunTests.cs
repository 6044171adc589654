using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;

namespace Sophia.Native.Tests.Training;

/// <summary><c>sophia train</c> as a process of its own, killed without warning.</summary>
public sealed class KilledRunTests : IDisposable
{
    private const int Kills = 7;
    private const int Steps = 60;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("fp32", "{\"ratio\":\"token\",\"behavior\":\"snapshot\",\"kl\":{\"coefficient\":0.05}}", "[]")]
    [InlineData("bf16", "{\"ratio\":\"sequence\",\"clip\":[null,5]}", "[\"vision\"]")]
    public void A_run_killed_at_any_moment_and_resumed_ends_bitwise_where_the_unbroken_run_ends(string saveType, string objective, string freeze)
    {
        WriteInputs($$"""
            {"objective":{{objective}}, "freeze":{{freeze}}, "optimizer":{"learning_rate":0.01}, "schedule":{"warmup_steps":3}, "steps":{{Steps}}, "batch_sequences":3, "micro_batch_tokens":48,
             "checkpoint_every":2, "save_dtype":"{{saveType}}"}
            """);
        var clock = Stopwatch.StartNew();
        Finish("unbroken");
        var duration = (int)clock.ElapsedMilliseconds;
        var random = new Random(saveType.Length);
        var (killed, unfinished) = (0, 0);
        for (var round = 0; (killed < Kills || unfinished == 0) && round < 5 * Kills; round++)
        {
            using var child = Start("broken", 1 + round % 2);
            _ = child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            _ = child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            WaitForMoment(child, round, random, duration);
            child.Kill();
            child.WaitForExit();
            if (child.ExitCode != 0)
            {
                killed++;
                unfinished += Writing(RunFolder.Checkpoints(_folder.File("broken"))) is null ? 0 : 1;
                continue;
            }
            // It was done before the moment came: one more end to compare, and the next begins anew.
            RunFolder.SameEnd(_folder.File("unbroken"), _folder.File("broken"));
            Directory.Delete(_folder.File("broken"), recursive: true);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{killed} kills, {unfinished} of them in the middle of a checkpoint.");
        Assert.True(killed >= Kills && unfinished > 0, $"{killed} kills, {unfinished} of them in the middle of a checkpoint.");
        Finish("broken");
        RunFolder.SameEnd(_folder.File("unbroken"), _folder.File("broken"));
        Assert.Equal(Steps, RunFolder.Metrics(_folder.File("broken")).Length);
    }

    /// <summary>In turn: while a checkpoint is being written, a random number of metrics lines later, a random time after the start, at most that of a whole run.</summary>
    private void WaitForMoment(Process child, int round, Random random, int duration)
    {
        var output = _folder.File("broken");
        var checkpoints = RunFolder.Checkpoints(output);
        var metrics = Path.Combine(output, "metrics.jsonl");
        var skipped = random.Next(3);
        var bytes = Length(metrics) + random.Next(4000);
        var known = Writing(checkpoints);
        var clock = Stopwatch.StartNew();
        var delay = random.Next(duration);
        while (!child.HasExited && clock.ElapsedMilliseconds < 20_000)
        {
            if (round % 3 == 0 && Writing(checkpoints) is { } writing && writing != known)
            {
                known = writing;
                if (skipped-- == 0)
                {
                    Thread.SpinWait(random.Next(100_000));
                    return;
                }
            }
            if (round % 3 == 1 && Length(metrics) > bytes)
                return;
            if (round % 3 == 2 && clock.ElapsedMilliseconds >= delay)
                return;
        }
    }

    private static string? Writing(string checkpoints)
    {
        try
        {
            return Directory.EnumerateDirectories(checkpoints, ".writing-*").FirstOrDefault();
        }
        catch (DirectoryNotFoundException)
        {
            return null;
        }
    }

    private static long Length(string file) => File.Exists(file) ? new FileInfo(file).Length : 0;

    private void Finish(string output)
    {
        using var child = Start(output, threads: 2);
        var (exitCode, text) = CommandProcess.Finish(child);
        Assert.True(exitCode == 0, text);
    }

    private Process Start(string output, int threads) => CommandProcess.Start("train", "--model", _folder.File("model"), "--data", _folder.File("data.jsonl"), "--recipe", _folder.File("recipe.json"),
        "--out", _folder.File(output), "--seed", "5", "--threads", $"{threads}", "--resume");

    private void WriteInputs(string recipe)
    {
        using (var tiny = new TinyModel([]))
            tiny.Write(_folder.File("model"));
        _folder.Write("recipe.json", recipe);
        var samples = TinyModel.Samples(11);
        var pixels = samples.Where(sample => sample.TileCount > 0).ToArray();
        using var writer = SafetensorsWriter.Create(_folder.File("pixels.safetensors"),
            pixels.Select(sample => new SafetensorsDeclaration(sample.Id, FileElementType.F32, [sample.TileCount, 3, TinyModel.Config.TileSize, TinyModel.Config.TileSize])));
        foreach (var sample in pixels)
            writer.WriteFloats(sample.Id, sample.PixelValues);
        writer.Commit();
        var lines = new StringBuilder();
        foreach (var sample in samples)
            lines.AppendLine(Record(sample));
        _folder.Write("data.jsonl", lines.ToString());
    }

    private static string Record(Sample sample) => JsonSerializer.Serialize(new
    {
        id = sample.Id,
        input_ids = sample.InputIds,
        pixel_values = sample.TileCount > 0 ? $"pixels.safetensors#{sample.Id}" : null,
        loss_mask = sample.LossMask!.Select(trained => trained ? 1 : 0),
        token_weights = sample.TokenWeights,
        behavior_logprobs = sample.BehaviorLogProbabilities,
        reference_logprobs = sample.ReferenceLogProbabilities,
    });
}
