using System.Globalization;
using Sophia.Native.Benchmarks.Models;
using Sophia.Native.Models;
using Sophia.Native.Objectives;
using Sophia.Native.Training;

namespace Sophia.Native.Benchmarks.Tables;

/// <summary>Managed bytes of a call, once it is warm: of every operation, of a training step and of a step of decoding. There must be none; a row above 0 makes the command fail.</summary>
internal static class AllocationTable
{
    private const int Calls = 10;
    private const int Attempts = 5;
    private const int PromptTokens = 16;

    public static int Run(ReadOnlySpan<string> arguments)
    {
        // The sizes do not matter as long as the work is shared out to threads: small ones, so that the command ends within seconds.
        var options = TableOptions.Parse(["--config", "models/internvl3-nano.json", "--tokens", "640", "--sequence", "320", "--tiles", "2", "--batch", "4", .. arguments]);
        using var backend = options.OpenBackend();
        using var table = new TableWriter(options.Output);
        table.Line($"# Managed bytes of a call, {options.ConfigName}, {options.Storage}");
        table.Line("");
        table.Line($"{DateTime.UtcNow:yyyy-MM-dd}, {backend.Description}; `allocations {string.Join(' ', arguments)}`; of all threads, least of up to {Attempts} attempts of {Calls} calls, after two to warm up.");
        table.Line("");
        table.Header("what", "shape", "bytes a call");
        var failures = 0;
        void Row(string name, string shape, long bytes)
        {
            table.Row(name, shape, (bytes / (double)Calls).ToString("0.#", CultureInfo.InvariantCulture));
            failures += bytes == 0 ? 0 : 1;
        }
        foreach (var (name, create) in new ModelOperations(backend, options).All())
        {
            if (!name.Contains(options.Filter, StringComparison.OrdinalIgnoreCase))
                continue;
            using var operands = new DeviceOperands(backend, options.Storage);
            var operation = create(operands);
            Row(operation.Name, operation.Shape, Bytes(operation.Run));
        }
        if ("training step".Contains(options.Filter, StringComparison.OrdinalIgnoreCase))
            Row("training step", $"{options.Tokens} tokens, {options.Tiles} tiles", TrainingStep(backend, options));
        if ("decoding step".Contains(options.Filter, StringComparison.OrdinalIgnoreCase))
        {
            foreach (var sequences in (int[])[1, options.Batch])
                Row("decoding step", $"{sequences} {(sequences == 1 ? "sequence" : "sequences")}", DecodingStep(backend, options, sequences));
        }
        if (failures == 0)
            return 0;
        Console.Error.WriteLine($"{failures} {(failures == 1 ? "row takes" : "rows take")} managed memory.");
        return 1;
    }

    private static long TrainingStep(Backend backend, TableOptions options)
    {
        using var model = new SyntheticModel(backend, options.Config, options.Tokens / options.SequenceTokens, options.SequenceTokens, options.Tiles, options.Storage, ParameterGroup.Vision, ParameterGroup.Projector, ParameterGroup.Decoder);
        using var trainer = new Trainer(model.Model, new() { MicroBatch = model.Plan, Objective = new ObjectiveOptions { ClipLow = 0.8f, ClipHigh = 1.28f }, Optimizer = new() { Moments = options.Moments } });
        return Bytes(() => trainer.Step(model.Samples, 1e-5));
    }

    private static long DecodingStep(Backend backend, TableOptions options, int sequences)
    {
        var steps = 2 + Attempts * Calls;
        using var model = new SyntheticModel(backend, options.Config, sequences, PromptTokens + steps + 4, tiles: 0, options.Storage);
        using var decoding = new SteppedDecoding(model, sequences, PromptTokens, steps);
        return Bytes(decoding.Step);
    }

    /// <summary>The least of some attempts, of all threads: now and then the runtime takes some for itself.</summary>
    private static long Bytes(Action call)
    {
        call();
        call();
        var least = long.MaxValue;
        for (var attempt = 0; attempt < Attempts && least > 0; attempt++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            for (var i = 0; i < Calls; i++)
                call();
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        return least;
    }
}
