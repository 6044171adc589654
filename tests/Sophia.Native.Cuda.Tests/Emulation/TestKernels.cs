namespace Sophia.Native.Cuda.Tests.Emulation;

/// <summary>A folder with the headers of kernels/ and another rewards.cu: kernels that do what a test needs, launched like any other.</summary>
internal sealed class TestKernels : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>Creates the folder.</summary>
    /// <param name="source">The kernels, after the headers.</param>
    public TestKernels(string source)
    {
        foreach (var header in Directory.GetFiles(System.IO.Path.Combine(Emulator.Repository, "kernels"), "*.cuh"))
            File.Copy(header, _folder.File(System.IO.Path.GetFileName(header)));
        _folder.Write($"#include \"portable.cuh\"\n{source}\n", "rewards.cu");
    }

    public string Path => _folder.Path;

    /// <summary>A backend that launches them; its compiled kernels are kept in the folder.</summary>
    public CudaBackend Open(int device = 0) => CudaBackend.Open(new() { Device = device, CompilesAhead = false, KernelFolder = Path, CacheFolder = _folder.File("cache") });

    public void Dispose() => _folder.Dispose();
}
