using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Sophia.Native.Cuda.Interop;

/// <summary>
/// Looks for NVIDIA's libraries: SOPHIA_CUDA_DRIVER (one library in the place of all), SOPHIA_CUDA_PATH, CUDA_PATH, the usual folders, Python's nvidia packages, the loader's own path.
/// Every place is recorded with what was found there.
/// </summary>
/// <param name="variable">Reads an environment variable.</param>
/// <param name="preferredMajor">
/// The CUDA version for which the driver is made: the libraries of this version are preferred where several are at hand, because a driver need not load what a newer toolkit compiles. 0 where it is not known.
/// </param>
internal sealed class LibrarySearch(Func<string, string?> variable, int preferredMajor = 0)
{
    private static readonly string[] ToolkitFolders = OperatingSystem.IsWindows() ? ["", @"bin\x64", "bin"] : ["", "lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"];

    private readonly List<LibraryAttempt> _attempts = [];

    /// <summary>Loads the first library of these names that can be loaded.</summary>
    public static LoadedLibrary Load(LibraryNames names, int preferredMajor = 0) => new LibrarySearch(Environment.GetEnvironmentVariable, preferredMajor).Run(names);

    /// <summary>Searches and loads.</summary>
    public LoadedLibrary Run(LibraryNames names)
    {
        var (handle, path) = Find(names);
        return new(names.Title, handle, path, _attempts);
    }

    private (nint Handle, string? Path) Find(LibraryNames names)
    {
        if (variable("SOPHIA_CUDA_DRIVER") is { Length: > 0 } replacement)
            return TryFile(replacement, "SOPHIA_CUDA_DRIVER");
        var files = names.Files(preferredMajor);
        foreach (var (folder, origin) in names.IsDriver ? DriverFolders() : Folders())
        {
            if (TryFolder(folder, origin, files) is { Handle: not 0 } found)
                return found;
        }
        foreach (var file in files)
        {
            if (TryLoad(file, "the loader's path") is var handle and not 0)
                return (handle, LoadedPath(file));
        }
        return default;
    }

    private (nint Handle, string? Path) TryFolder(string folder, string origin, string[] files)
    {
        if (!Directory.Exists(folder))
        {
            _attempts.Add(new(folder + Of(origin), "no such folder"));
            return default;
        }
        foreach (var file in files)
        {
            if (TryFile(Path.Combine(folder, file), origin) is { Handle: not 0 } found)
                return found;
        }
        return default;
    }

    private (nint Handle, string? Path) TryFile(string path, string origin)
    {
        if (!File.Exists(path))
        {
            _attempts.Add(new(path + Of(origin), "no such file"));
            return default;
        }
        PreloadParts(path);
        return TryLoad(path, origin) is var handle and not 0 ? (handle, path) : default;
    }

    private nint TryLoad(string path, string origin)
    {
        try
        {
            var handle = NativeLibrary.Load(path);
            _attempts.Add(new(path + Of(origin), "loaded"));
            return handle;
        }
        catch (Exception refusal) when (refusal is DllNotFoundException or BadImageFormatException)
        {
            _attempts.Add(new(path + Of(origin), Reason(refusal.Message)));
            return 0;
        }
    }

    /// <summary>NVRTC opens its second half by name alone, which the loader finds only when it is loaded already.</summary>
    private static void PreloadParts(string path)
    {
        var name = Path.GetFileName(path);
        if (!name.Contains("nvrtc", StringComparison.Ordinal))
            return;
        foreach (var part in Directory.EnumerateFiles(Path.GetDirectoryName(Path.GetFullPath(path))!, OperatingSystem.IsWindows() ? "nvrtc-builtins64_*.dll" : "libnvrtc-builtins.so.*"))
            NativeLibrary.TryLoad(part, out _);
    }

    private IEnumerable<(string Folder, string Origin)> DriverFolders()
    {
        if (OperatingSystem.IsWindows())
            return [(Environment.SystemDirectory, "")];
        return [("/usr/lib/wsl/lib", ""), .. SystemFolders()];
    }

    private IEnumerable<(string Folder, string Origin)> Folders()
    {
        foreach (var name in (string[])["SOPHIA_CUDA_PATH", "CUDA_PATH", "CUDA_HOME"])
        {
            if (variable(name) is not { Length: > 0 } root)
            {
                _attempts.Add(new(name, "not set"));
                continue;
            }
            if (!Directory.Exists(root))
                _attempts.Add(new($"{root} ({name})", "no such folder"));
            foreach (var folder in Toolkit(root))
                yield return (folder, name);
        }
        foreach (var root in ToolkitRoots())
        {
            foreach (var folder in Toolkit(root))
                yield return (folder, "");
        }
        if (!OperatingSystem.IsWindows())
        {
            foreach (var folder in SystemFolders())
                yield return folder;
        }
        foreach (var folder in PythonFolders())
            yield return (folder, "Python's nvidia packages");
    }

    /// <summary>The folders of a toolkit that exist; the others are not worth a line each.</summary>
    private static IEnumerable<string> Toolkit(string root)
    {
        foreach (var part in ToolkitFolders)
        {
            var folder = Path.Combine(root, part);
            if (Directory.Exists(folder))
                yield return folder;
        }
    }

    private IEnumerable<string> ToolkitRoots()
    {
        var (parent, pattern) = OperatingSystem.IsWindows()
            ? (Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles), "NVIDIA GPU Computing Toolkit", "CUDA"), "v1?.*")
            : ("/usr/local", "cuda*");
        var roots = Matching(parent, pattern);
        roots.Reverse();
        if (!OperatingSystem.IsWindows())
            roots.Add("/opt/cuda");
        foreach (var root in roots)
        {
            if (!Directory.Exists(root))
                _attempts.Add(new(root, "no such folder"));
        }
        if (roots.Count < 2)
            _attempts.Add(new(Path.Combine(parent, pattern), "no such folder"));
        return roots;
    }

    private static IEnumerable<(string Folder, string Origin)> SystemFolders()
    {
        var machine = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
        return [($"/usr/lib/{machine}", ""), ("/usr/lib64", "")];
    }

    /// <summary>site-packages/nvidia/*/lib of the active environments and of the system's Pythons.</summary>
    private IEnumerable<string> PythonFolders()
    {
        var roots = new List<string>();
        foreach (var name in (string[])["VIRTUAL_ENV", "CONDA_PREFIX"])
        {
            if (variable(name) is { Length: > 0 } root)
                roots.Add(root);
        }
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        roots.AddRange(OperatingSystem.IsWindows() ? [] : [Path.Combine(home, ".local"), "/usr/local", "/usr", "/opt/conda"]);
        var found = new List<string>();
        foreach (var root in roots)
        {
            var packages = OperatingSystem.IsWindows() ? [Path.Combine(root, "Lib", "site-packages")] : new List<string>();
            foreach (var library in (string[])["lib", "lib64"])
            {
                foreach (var version in Matching(Path.Combine(root, library), "python3*"))
                    packages.AddRange([Path.Combine(version, "site-packages"), Path.Combine(version, "dist-packages")]);
            }
            foreach (var package in packages)
            {
                foreach (var component in Matching(Path.Combine(package, "nvidia"), "*"))
                {
                    foreach (var part in OperatingSystem.IsWindows() ? [@"bin\x86_64", "bin"] : (string[])["lib"])
                    {
                        var folder = Path.Combine(component, part);
                        if (Directory.Exists(folder))
                            found.Add(folder);
                    }
                }
            }
        }
        if (found.Count == 0)
            _attempts.Add(new($"site-packages/nvidia/*/lib under {string.Join(", ", roots)}", "no such folder"));
        return found;
    }

    private static List<string> Matching(string parent, string pattern)
    {
        try
        {
            var found = Directory.Exists(parent) ? new List<string>(Directory.EnumerateDirectories(parent, pattern)) : [];
            found.Sort(StringComparer.Ordinal);
            return found;
        }
        catch (UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>Where the loader found a library that was asked for by its name alone.</summary>
    private static string? LoadedPath(string file)
    {
        using var process = Process.GetCurrentProcess();
        foreach (ProcessModule module in process.Modules)
        {
            if (module.FileName is { } path && Path.GetFileName(path).StartsWith(file, StringComparison.OrdinalIgnoreCase))
                return path;
        }
        return null;
    }

    private static string Of(string origin) => origin.Length == 0 ? "" : $" ({origin})";

    /// <summary>The loader's own words: the runtime's message has them after a first line of advice, if at all.</summary>
    private static string Reason(string message)
    {
        var lines = message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Length > 1 ? lines[1] : message.Trim();
    }
}
