using System.Diagnostics;
using System.Globalization;
using Sophia.Native.Cpu;
using Sophia.Native.Training;

namespace Sophia.Native.Benchmarks.Models;

/// <summary>Times the training step of <see cref="SyntheticModel.Medium"/> against the multiply-add peak measured in between, in seconds.</summary>
internal static class TrainingStepTable
{
    private const int Rounds = 5;

    public static int Run()
    {
        using var backend = Backend.Open("cpu");
        using var model = SyntheticModel.Medium(backend);
        using var trainer = new Trainer(model.Model, new() { MicroBatch = model.Plan });
        using var pool = new WorkerPool();
        var path = InstructionSetPath.Resolve(null);
        trainer.Step(model.Samples, 1e-4);
        var (best, peak) = (double.PositiveInfinity, 0.0);
        for (var round = 0; round < Rounds; round++)
        {
            peak = Math.Max(peak, PeakProbe.Measure(path, pool));
            var start = Stopwatch.GetTimestamp();
            trainer.Step(model.Samples, 1e-4);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        var tokens = model.Samples.Sum(sample => sample.Length);
        Console.WriteLine(backend.Description);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{model.Parameters.Layout.ParameterCount:N0} parameters, {tokens} tokens, {model.Samples.Length} tiles: {best:0.00} s a step, {tokens / best:0} tokens/s, {model.StepOperations / best / 1e9:0} GFLOP/s, {model.StepOperations / best / 1e7 / (peak / 1e9):0} % of the peak of {peak / 1e9:0} GFLOP/s (best of {Rounds})"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"peak memory of the process {Process.GetCurrentProcess().PeakWorkingSet64 / 1e9:0.00} GB"));
        return 0;
    }
}
