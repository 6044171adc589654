using System.Diagnostics;
using System.Globalization;
using Sophia.Native.Benchmarks.Models;
using Sophia.Native.Models.Generation;

namespace Sophia.Native.Benchmarks.Tables;

/// <summary>Times generation with a model of random weights: the same prompts for one token and for many, whose difference is decoding alone. Stated as a share of the time in which the weights could be read.</summary>
internal static class DecodingTable
{
    private const int PromptTokens = 64;

    public static int Run(ReadOnlySpan<string> arguments)
    {
        var options = TableOptions.Parse(arguments);
        using var backend = options.OpenBackend();
        using var table = new TableWriter(options.Output);
        using var model = new SyntheticModel(backend, options.Config, options.Batch, PromptTokens + options.NewTokens, tiles: 0, options.Storage);
        var requests = Array.ConvertAll(model.Samples, sample => new GenerationRequest { Id = sample.Id, PromptIds = sample.InputIds[..PromptTokens] });
        using var generator = new Generator(model.Model, GeneratorPlan.For(requests, options.NewTokens, options.Batch, options.Batch * PromptTokens));
        table.Line($"# Decoding with {options.ConfigName}, {options.Storage}");
        table.Line("");
        table.Line($"{DateTime.UtcNow:yyyy-MM-dd}, {backend.Description}; `decode {string.Join(' ', arguments)}`; {PromptTokens} tokens of prompt, sampled at temperature 1.");
        table.Line("");
        table.Header("sequences", "new tokens", "milliseconds a step", "spread", "tokens/s", "bytes of the decoder's weights", "share of the read bandwidth");
        double Seconds(int tokens)
        {
            var start = Stopwatch.GetTimestamp();
            generator.Generate(requests, new() { Sampling = new() { Seed = 1 }, MaximumNewTokens = tokens });
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        Seconds(options.NewTokens);
        var steps = new double[options.Rounds];
        for (var round = 0; round < options.Rounds; round++)
            steps[round] = (Seconds(options.NewTokens) - Seconds(1)) / (options.NewTokens - 1);
        Array.Sort(steps);
        var step = steps[steps.Length / 2];
        var text = options.Config.Text;
        var weights = (double)options.Storage.Size()
            * (text.LayerCount * (double)text.HiddenSize * (text.QueryKeyValueSize + text.HeadCount * text.HeadSize + 3.0 * text.FeedForwardSize) + (double)text.VocabularySize * text.HiddenSize);
        // What the same bytes take to be read once: the norm of a vector of the weights' size.
        using var operands = new DeviceOperands(backend, ElementType.Float32);
        var (read, state) = (operands.Floats((long)weights / sizeof(float)), operands.Floats(Backend.GradientStateLength));
        var reading = Measurement.Of(backend, options.Rounds, () => backend.GradientNorm(state, read, 1f));
        var culture = CultureInfo.InvariantCulture;
        table.Row(options.Batch.ToString(culture), options.NewTokens.ToString(culture), (step * 1e3).ToString("0.000", culture), ((steps[^1] - steps[0]) / step).ToString("0 %", culture),
            (options.Batch / step).ToString("0.0", culture), weights.ToString("N0", culture), (reading.Fastest / step).ToString("0 %", culture));
        return 0;
    }
}
