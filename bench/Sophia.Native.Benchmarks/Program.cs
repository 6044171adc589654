using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Sophia.Native.Benchmarks.Models;
using Sophia.Native.Benchmarks.Operations;
using Sophia.Native.Benchmarks.Tables;

// `operations`, `steps` and `decode` print tables at the sizes of a model on any backend; `gemm` and `step` print matrix products and a training step on the CPU as shares of its multiply-add peak; everything else is BenchmarkDotNet's.
if (args is ["gemm", .. string[] rest])
    return MatrixProductTable.Run(rest);
if (args is ["operations", .. string[] operationOptions])
    return OperationTable.Run(operationOptions);
if (args is ["steps", .. string[] stepOptions])
    return StepTable.Run(stepOptions);
if (args is ["decode", .. string[] decodingOptions])
    return DecodingTable.Run(decodingOptions);
if (args is ["step", ..])
    return TrainingStepTable.Run();

// In process: the measured code is the one just built, and no second build is needed on a small machine.
IConfig config = DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config);
return 0;
