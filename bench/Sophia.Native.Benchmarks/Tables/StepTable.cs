using System.Diagnostics;
using System.Globalization;
using Sophia.Native.Benchmarks.Models;
using Sophia.Native.Models;
using Sophia.Native.Objectives;
using Sophia.Native.Training;

namespace Sophia.Native.Benchmarks.Tables;

/// <summary>Times whole training steps of a model with random weights: forward, fused objective, backward of every group, gradient norm, AdamW.</summary>
internal static class StepTable
{
    public static int Run(ReadOnlySpan<string> arguments)
    {
        var options = TableOptions.Parse(arguments);
        using var backend = options.OpenBackend();
        using var table = new TableWriter(options.Output);
        var samples = Math.Max(1, options.Tokens / options.SequenceTokens);
        using var model = new SyntheticModel(backend, options.Config, samples, options.SequenceTokens, options.Tiles, options.Storage, ParameterGroup.Vision, ParameterGroup.Projector, ParameterGroup.Decoder);
        using var trainer = new Trainer(model.Model, new() { MicroBatch = model.Plan with { Recompute = options.Recompute }, Objective = new ObjectiveOptions { ClipLow = 0.8f, ClipHigh = 1.28f }, Optimizer = new() { Moments = options.Moments } });
        table.Line($"# Training steps of {options.ConfigName}, {options.Storage}, moments {options.Moments}");
        table.Line("");
        table.Line($"{DateTime.UtcNow:yyyy-MM-dd}, {backend.Description}; `steps {string.Join(' ', arguments)}`; random weights, tokens and pixels; operations are counted as three forward passes of matrix products and causal attention.");
        table.Line("");
        table.Header("parameters", "tokens", "tiles", "seconds a step", "spread", "tokens/s", "TFLOP/s", "loss before", "loss after", "device memory GB");
        var first = trainer.Step(model.Samples, 1e-5);
        var last = first;
        var seconds = new double[options.Rounds];
        for (var round = 0; round < options.Rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            last = trainer.Step(model.Samples, 1e-5);
            seconds[round] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        Array.Sort(seconds);
        var median = seconds[seconds.Length / 2];
        var culture = CultureInfo.InvariantCulture;
        // Parameters; gradients and two moments of what is trained; activations.
        var bytes = model.Parameters.Bytes + trainer.Optimizer.Bytes + trainer.WorkspaceBytes;
        table.Row(model.Parameters.Layout.ParameterCount.ToString("N0", culture), model.Tokens.ToString(culture), options.Tiles.ToString(culture), median.ToString("0.0000", culture),
            ((seconds[^1] - seconds[0]) / median).ToString("0 %", culture), (model.Tokens / median).ToString("0", culture), (model.StepOperations / median / 1e12).ToString("0.00", culture),
            first.Loss.ToString("0.0000", culture), last.Loss.ToString("0.0000", culture), (bytes / 1e9).ToString("0.00", culture));
        return 0;
    }
}
