using System.Runtime.InteropServices;
using ILGPU;

namespace Sophia.Native.Ilgpu.Devices;

/// <summary>
/// ILGPU imports libraries by names that on Linux exist only where development packages are installed: <c>cuda</c> for libcuda.so, <c>OpenCL</c> for libOpenCL.so. Here these names lead to the versioned
/// files that come with a driver, and every file that was tried is remembered for the report.
/// </summary>
internal static class NativeNames
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, (nint Handle, string Tried)> Found = [];
    private static string? _conflict;

    static NativeNames()
    {
        try
        {
            NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, (name, _, _) => Resolve(name));
        }
        catch (InvalidOperationException)
        {
            _conflict = "the host program resolves ILGPU's libraries itself";
        }
    }

    /// <summary>What was tried for a library: each file with what came of it.</summary>
    /// <param name="library">ILGPU's name: <c>cuda</c> or <c>OpenCL</c>.</param>
    public static string Report(string library)
    {
        if (_conflict is not null)
            return _conflict;
        Resolve(library);
        lock (Gate)
            return Found.TryGetValue(library, out var found) ? found.Tried : $"{library}: the loader's own path";
    }

    /// <summary>Whether one of the library's files can be loaded.</summary>
    public static bool IsFound(string library) => _conflict is not null || Resolve(library) != 0 || Files(library).Length == 0;

    private static nint Resolve(string name)
    {
        var files = Files(name);
        if (files.Length == 0)
            return 0;
        lock (Gate)
        {
            if (Found.TryGetValue(name, out var known))
                return known.Handle;
            var tried = new List<string>();
            nint handle = 0;
            foreach (var file in files)
            {
                if (Path.IsPathRooted(file) && !File.Exists(file))
                {
                    tried.Add($"{file}: no such file");
                    continue;
                }
                try
                {
                    handle = NativeLibrary.Load(file);
                    tried.Add($"{file}: loaded");
                    break;
                }
                catch (Exception refusal) when (refusal is DllNotFoundException or BadImageFormatException)
                {
                    tried.Add($"{file}: {Reason(refusal.Message)}");
                }
            }
            Found.Add(name, (handle, string.Join("; ", tried)));
            return handle;
        }
    }

    private static string[] Files(string name)
    {
        if (!OperatingSystem.IsLinux())
            return [];
        var machine = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
        return name switch
        {
            "cuda" => ["/usr/lib/wsl/lib/libcuda.so.1", "libcuda.so.1", $"/usr/lib/{machine}/libcuda.so.1", "/usr/lib64/libcuda.so.1", "libcuda.so"],
            "OpenCL" => ["libOpenCL.so.1", $"/usr/lib/{machine}/libOpenCL.so.1", "/usr/lib64/libOpenCL.so.1", "libOpenCL.so"],
            _ => [],
        };
    }

    /// <summary>The loader's own words: the runtime's message has them after a first line of advice, if at all.</summary>
    private static string Reason(string message)
    {
        var lines = message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Length > 1 ? lines[1] : message.Trim();
    }
}
