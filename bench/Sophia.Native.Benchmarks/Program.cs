return Sophia.Native.Benchmarks.BenchmarkCommand.Run(args);
