using System.Reflection;
using System.Runtime.InteropServices;

namespace Sophia.Native.Cuda.Interop;

/// <summary>NVIDIA's three libraries, each loaded at first use and kept for the life of the process; the imports of this assembly resolve to them.</summary>
internal static class CudaLibraries
{
    private static readonly Lazy<LoadedLibrary> LazyDriver = new(() => LibrarySearch.Load(LibraryNames.Driver));
    private static readonly Lazy<LoadedLibrary> LazyCompiler = new(() => LibrarySearch.Load(LibraryNames.Compiler, DriverMajor));
    private static readonly Lazy<LoadedLibrary> LazyMatrixProducts = new(() => LibrarySearch.Load(LibraryNames.MatrixProducts, DriverMajor));

    static CudaLibraries() => NativeLibrary.SetDllImportResolver(typeof(CudaLibraries).Assembly, Resolve);

    public static LoadedLibrary Driver => LazyDriver.Value;

    public static LoadedLibrary Compiler => LazyCompiler.Value;

    public static LoadedLibrary MatrixProducts => LazyMatrixProducts.Value;

    /// <summary>Throws where NVRTC was not found.</summary>
    /// <exception cref="BackendUnavailableException">It was not found; the message lists every place.</exception>
    public static void RequireCompiler() => Compiler.Require("Install CUDA 12.4 or newer, or Python's package nvidia-cuda-nvrtc, or name the folder of the library in SOPHIA_CUDA_PATH.");

    /// <summary>Throws where cuBLASLt was not found.</summary>
    /// <exception cref="BackendUnavailableException">It was not found; the message lists every place.</exception>
    public static void RequireMatrixProducts() => MatrixProducts.Require(
        "Install CUDA 12.4 or newer, or Python's package nvidia-cublas, or name the folder of the library in SOPHIA_CUDA_PATH; or leave --numerics at invariant, which does not need it.");

    /// <summary>Whether the driver can say which parameters a kernel has (since 12.4).</summary>
    public static bool HasParameterInformation => Driver.IsLoaded && NativeLibrary.TryGetExport(Driver.Handle, CudaDriver.ParameterInformationEntry, out _);

    /// <summary>The major CUDA version the driver is made for; 0 without a driver.</summary>
    private static int DriverMajor => Driver.IsLoaded && CudaDriver.cuDriverGetVersion(out var version) == CudaResult.Success ? version / 1000 : 0;

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) => name switch
    {
        CudaDriver.Library => Driver.Handle,
        Nvrtc.Library => Compiler.Handle,
        CublasLt.Library => MatrixProducts.Handle,
        _ => 0,
    };
}
