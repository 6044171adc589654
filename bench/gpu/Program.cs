using Sophia.Native.Benchmarks;
using Sophia.Native.Cli;

// The first word says which of the programs of this archive is meant; what follows are its own arguments.
return args switch
{
    ["test", .. var rest] => await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(rest),
    ["bench", .. var rest] => BenchmarkCommand.Run(rest),
    ["sophia", .. var rest] => await SophiaCommand.Run(rest),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("sophia-gpu test|bench|sophia ARGUMENTS: the tests of the CUDA and the ILGPU backend, the benchmarks, the command line.");
    return 2;
}
