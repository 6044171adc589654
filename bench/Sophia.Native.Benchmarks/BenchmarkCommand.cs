using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Sophia.Native.Benchmarks.Models;
using Sophia.Native.Benchmarks.Operations;
using Sophia.Native.Benchmarks.Tables;
using Sophia.Native.Cuda;
using Sophia.Native.Ilgpu;

namespace Sophia.Native.Benchmarks;

/// <summary>
/// <c>operations</c>, <c>steps</c> and <c>decode</c> print tables at the sizes of a model on any backend; <c>gemm</c> and <c>step</c> print matrix products and a training step on the CPU as shares of its
/// multiply-add peak; <c>allocations</c> prints the managed bytes of every call and fails where there are any; everything else is BenchmarkDotNet's, whose benchmarks of single operations run on the backends that <c>--backend cpu,cuda,ilgpu:cuda</c> names.
/// </summary>
internal static class BenchmarkCommand
{
    private const string BackendOption = "--backend";

    static BenchmarkCommand()
    {
        BackendProviders.Add(IlgpuBackend.Provider);
        BackendProviders.Add(CudaBackend.Provider);
    }

    /// <summary>On which backends BenchmarkDotNet runs the operations.</summary>
    public static IReadOnlyList<string> Backends { get; private set; } = ["cpu"];

    public static int Run(string[] arguments)
    {
        try
        {
            return arguments switch
            {
                ["operations", .. var rest] => OperationTable.Run(rest),
                ["steps", .. var rest] => StepTable.Run(rest),
                ["decode", .. var rest] => DecodingTable.Run(rest),
                ["allocations", .. var rest] => AllocationTable.Run(rest),
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
        BenchmarkSwitcher.FromAssembly(typeof(BenchmarkCommand).Assembly).Run(TakeBackends(arguments), config);
        return 0;
    }

    /// <summary>Takes --backend and its value out of the arguments.</summary>
    private static string[] TakeBackends(string[] arguments)
    {
        var at = Array.IndexOf(arguments, BackendOption);
        if (at < 0)
            return arguments;
        if (at + 1 == arguments.Length)
            throw new ArgumentException($"{BackendOption}: expected names such as cpu,cuda, found nothing.");
        Backends = arguments[at + 1].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        // BenchmarkDotNet reports a backend that cannot be opened once per benchmark; here it is said once, before anything runs.
        foreach (var name in Backends)
            Backend.Open(name).Dispose();
        return [.. arguments[..at], .. arguments[(at + 2)..]];
    }
}
