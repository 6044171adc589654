using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda.Tests.Emulation;

/// <summary>A folder with another rewards.cu than that of kernels/: kernels that do what a test needs, launched like any other.</summary>
internal sealed class TestKernels : IDisposable
{
    /// <summary>Multiplies every element with itself.</summary>
    public const string SquareSource = """
        KERNEL(32) square(float* values, int count)
        {
            if (threadIdx.x < count) values[threadIdx.x] = values[threadIdx.x] * values[threadIdx.x];
        }
        """;

    private readonly TemporaryFolder _folder = new();

    /// <summary>Creates the folder.</summary>
    /// <param name="source">The kernels, after the headers.</param>
    public TestKernels(string source = SquareSource)
    {
        source = $"#include \"portable.cuh\"\n{source}\n";
        foreach (var (name, text) in KernelSources.Open().HeadersOf(source))
            _folder.Write(text, name);
        _folder.Write(source, "rewards.cu");
    }

    /// <summary>The kernel file that is replaced.</summary>
    public static KernelFile File { get; } = new("rewards");

    public string Path => _folder.Path;

    /// <summary>Where compiled kernels are kept.</summary>
    public string Cache => _folder.File("cache");

    /// <summary>A backend that launches them; its compiled kernels are kept in the folder.</summary>
    public CudaBackend Open(int device = 0) => CudaBackend.Open(new() { Device = device, CompilesAhead = false, KernelFolder = Path, CacheFolder = Cache });

    /// <summary>Launches <see cref="SquareSource"/>.</summary>
    public static float[] Square(CudaBackend backend, params float[] values)
    {
        using var buffer = backend.Allocate(values.Length * sizeof(float));
        backend.Upload<float>(buffer.AsView(), values);
        var launch = backend.Begin(File, "square", ElementType.Float32);
        launch.Add(buffer.AsView());
        launch.Add(values.Length);
        launch.Run(1, threads: 32);
        var found = new float[values.Length];
        backend.Download<float>(found, buffer.AsView());
        return found;
    }

    public void Dispose() => _folder.Dispose();
}
