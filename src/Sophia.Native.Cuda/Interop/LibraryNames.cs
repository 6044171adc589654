namespace Sophia.Native.Cuda.Interop;

/// <summary>Under which file names one of NVIDIA's libraries exists, newest first, and where it is looked for.</summary>
/// <param name="Title">The library in words.</param>
/// <param name="Linux">File names on Linux.</param>
/// <param name="Windows">File names on Windows.</param>
/// <param name="IsDriver">Whether it comes with the driver; all others come with a toolkit.</param>
internal sealed record LibraryNames(string Title, string[] Linux, string[] Windows, bool IsDriver = false)
{
    public static readonly LibraryNames Driver = new("the NVIDIA driver", ["libcuda.so.1", "libcuda.so"], ["nvcuda.dll"], IsDriver: true);

    public static readonly LibraryNames Compiler = new("NVRTC", ["libnvrtc.so.13", "libnvrtc.so.12"], ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"]);

    public static readonly LibraryNames MatrixProducts = new("cuBLASLt", ["libcublasLt.so.13", "libcublasLt.so.12"], ["cublasLt64_13.dll", "cublasLt64_12.dll"]);

    /// <summary>The file names on this system, newest first, but those of a preferred version before all others.</summary>
    /// <param name="preferredMajor">The preferred CUDA version, or 0.</param>
    public string[] Files(int preferredMajor)
    {
        var files = (string[])(OperatingSystem.IsWindows() ? Windows : Linux).Clone();
        var preferred = Array.FindIndex(files, file => file.Contains(OperatingSystem.IsWindows() ? $"64_{preferredMajor}" : $".so.{preferredMajor}", StringComparison.Ordinal));
        if (!IsDriver && preferredMajor > 0 && preferred > 0)
            (files[0], files[preferred]) = (files[preferred], files[0]);
        return files;
    }
}
