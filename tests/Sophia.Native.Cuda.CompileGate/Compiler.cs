using System.Runtime.CompilerServices;
using Sophia.Native.Cuda.Interop;

namespace Sophia.Native.Cuda.CompileGate;

/// <summary>
/// The real NVRTC: that of the folder SOPHIA_NVRTC names (.ci/nvrtc installs one), else one that the backend finds on the machine. This is a process of its own because a process has one NVRTC,
/// and that of the other CUDA tests is the emulator's.
/// </summary>
internal static class Compiler
{
    /// <summary>Why the gate cannot run here, or null.</summary>
    public static string? WhyNot => CudaLibraries.Compiler.IsLoaded
        ? null
        : "SKIPPED, NOT PASSED: no NVRTC was found, the kernels were not compiled for any GPU. Run .ci/nvrtc and name the folder it prints in SOPHIA_NVRTC, or install CUDA 12.4 or newer. "
            + $"Tried: {string.Join("; ", CudaLibraries.Compiler.Attempts)}.";

    [ModuleInitializer]
    internal static void Choose()
    {
        Environment.SetEnvironmentVariable("SOPHIA_CUDA_DRIVER", null);
        Environment.SetEnvironmentVariable("SOPHIA_CUDA_KERNELS", null);
        if (Environment.GetEnvironmentVariable("SOPHIA_NVRTC") is { Length: > 0 } folder)
            Environment.SetEnvironmentVariable("SOPHIA_CUDA_PATH", folder);
    }
}
