using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Sophia.Native.Benchmarks.Models;
using Sophia.Native.Benchmarks.Operations;
using Sophia.Native.Benchmarks.Tables;

namespace Sophia.Native.Benchmarks;

/// <summary>
/// <c>operations</c>, <c>steps</c> and <c>decode</c> print tables at the sizes of a model on any backend; <c>gemm</c> and <c>step</c> print matrix products and a training step on the CPU as shares of its
/// multiply-add peak; everything else is BenchmarkDotNet's.
/// </summary>
internal static class BenchmarkCommand
{
    public static int Run(string[] arguments)
    {
        try
        {
            return arguments switch
            {
                ["operations", .. var rest] => OperationTable.Run(rest),
                ["steps", .. var rest] => StepTable.Run(rest),
                ["decode", .. var rest] => DecodingTable.Run(rest),
                ["gemm", .. var rest] => MatrixProductTable.Run(rest),
                ["step", ..] => TrainingStepTable.Run(),
                _ => RunBenchmarkDotNet(arguments),
            };
        }
        catch (Exception fault) when (fault is ArgumentException or BackendUnavailableException or FileNotFoundException)
        {
            Console.Error.WriteLine(fault.Message);
            return 2;
        }
    }

    private static int RunBenchmarkDotNet(string[] arguments)
    {
        // In process: the measured code is the one just built, and no second build is needed on a small machine.
        IConfig config = DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
        BenchmarkSwitcher.FromAssembly(typeof(BenchmarkCommand).Assembly).Run(arguments, config);
        return 0;
    }
}
