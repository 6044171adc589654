using BenchmarkDotNet.Attributes;
using Sophia.Native.Cpu;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Matrix products of the CPU backend at the shapes of small and middling models.</summary>
[MemoryDiagnoser]
public class MatrixProductBenchmark
{
    private WorkerPool? _pool;
    private MatrixProductCase? _case;
    private CpuPath _path;

    [Params("1024x1024x1024", "2000x128x384", "2000x384x128", "1x896x896", "16x896x896")]
    public string Shape { get; set; } = "";

    [Params(MatrixLayout.NormalNormal, MatrixLayout.NormalTransposed, MatrixLayout.TransposedNormal)]
    public MatrixLayout Layout { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        int[] sizes = Array.ConvertAll(Shape.Split('x'), int.Parse);
        _pool = new WorkerPool();
        _case = new MatrixProductCase(sizes[0], sizes[1], sizes[2], Layout);
        _path = InstructionSetPath.Resolve();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _case?.Dispose();
        _pool?.Dispose();
    }

    [Benchmark]
    public void Multiply() => MatrixMultiply.Multiply(_path, _pool!, _case!.Product);
}
