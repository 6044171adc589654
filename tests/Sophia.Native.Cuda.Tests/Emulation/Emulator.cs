using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace Sophia.Native.Cuda.Tests.Emulation;

/// <summary>
/// The emulator (tests/emulator) in the place of NVIDIA's libraries: built with g++ at first use, kept in the temporary folder under a hash of its sources, and named in SOPHIA_CUDA_DRIVER
/// before the first call. With SOPHIA_CUDA_TESTS=gpu the tests run on the machine's own driver instead.
/// </summary>
internal static class Emulator
{
    private const string Variable = "SOPHIA_CUDA_DRIVER";
    private const string CacheVariable = "SOPHIA_CUDA_CACHE";
    private static readonly Lazy<string?> Start = new(Prepare);

    /// <summary>Whether the tests run on the machine's own GPU.</summary>
    public static bool IsReplacedByGpu => Environment.GetEnvironmentVariable("SOPHIA_CUDA_TESTS") == "gpu";

    /// <summary>Why the emulator cannot be had, or null when it is ready.</summary>
    public static string? WhyNot => Start.Value;

    /// <summary>The built library.</summary>
    public static string Library => Environment.GetEnvironmentVariable(Variable) ?? "";

    /// <summary>The root of the repository.</summary>
    public static string Repository { get; } = FindRepository();

    private static string Sources { get; } = Path.Combine(Repository, "tests", "emulator");

    private static string? Prepare()
    {
        if (IsReplacedByGpu || Library.Length > 0)
            return null;
        if (!HasCompiler())
            return "SKIPPED, NOT PASSED: g++ is not on the PATH, so that the CUDA emulator cannot be built.";
        var folder = Path.Combine(Path.GetTempPath(), $"sophia-cuda-emulator-{Environment.UserName}", SourceHash());
        var library = Path.Combine(folder, "libsophia_cuda_emulator.so");
        if (!File.Exists(library))
            Build(folder);
        Environment.SetEnvironmentVariable(Variable, library);
        // g++ is slow, and a test needs few of the kernels.
        Environment.SetEnvironmentVariable("SOPHIA_CUDA_COMPILE_AHEAD", "0");
        // What the emulator compiles is of no use to anything else.
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(CacheVariable)))
            Environment.SetEnvironmentVariable(CacheVariable, Path.Combine(folder, "kernels"));
        return null;
    }

    /// <summary>Builds beside the place and renames, so that several test programs may begin at once.</summary>
    private static void Build(string folder)
    {
        var partial = $"{folder}.{Environment.ProcessId}";
        var (code, output) = Run("sh", Path.Combine(Sources, "build.sh"), partial);
        if (code != 0)
            throw new InvalidOperationException($"tests/emulator/build.sh failed with {code}:\n{output}");
        try
        {
            Directory.Move(partial, folder);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            Directory.Delete(partial, recursive: true);
        }
    }

    private static bool HasCompiler()
    {
        try
        {
            return Run("g++", "--version").Code == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private static string SourceHash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // The library knows the folder of its headers, so that the same sources elsewhere are another library.
        hash.AppendData(Encoding.UTF8.GetBytes(Sources));
        var files = Directory.GetFiles(Sources, "*", SearchOption.AllDirectories);
        Array.Sort(files, StringComparer.Ordinal);
        foreach (var file in files)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(Path.GetFileName(file)));
            hash.AppendData(File.ReadAllBytes(file));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }

    private static (int Code, string Output) Run(string command, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Result + error);
    }

    private static string FindRepository()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Sophia.Native.sln")))
                return at.FullName;
        }
        return AppContext.BaseDirectory;
    }
}
