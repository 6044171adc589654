using System.Text;

namespace Sophia.Native.Cuda.Compilation;

/// <summary>The sources of the kernels: the assembly's resources, or the files of the folder that SOPHIA_CUDA_KERNELS names (to try a changed kernel without building anything).</summary>
internal sealed class KernelSources
{
    private readonly string? _folder;

    private KernelSources(string? folder)
    {
        _folder = folder;
        Headers = ReadHeaders(folder);
    }

    /// <summary>Name and text of every header, in order of name.</summary>
    public IReadOnlyList<(string Name, string Text)> Headers { get; }

    /// <summary>Reads the headers; the kernels are read when they are asked for.</summary>
    /// <param name="folder">The folder of the sources; null for that of SOPHIA_CUDA_KERNELS, or the resources without it.</param>
    public static KernelSources Open(string? folder = null) => new(folder ?? (Environment.GetEnvironmentVariable("SOPHIA_CUDA_KERNELS") is { Length: > 0 } named ? named : null));

    /// <summary>The text of a kernel file.</summary>
    public string Read(KernelFile file)
    {
        var name = file.ToString();
        if (_folder is not null)
        {
            var path = Path.Combine(_folder, name);
            return File.Exists(path) ? File.ReadAllText(path) : throw new FileNotFoundException($"The kernel source {path} is missing.");
        }
        return Resource(name) ?? throw new NotSupportedException($"This build has no kernel file {name}.");
    }

    private static List<(string Name, string Text)> ReadHeaders(string? folder)
    {
        var headers = new List<(string Name, string Text)>();
        if (folder is not null)
        {
            if (!Directory.Exists(folder))
                throw new DirectoryNotFoundException($"The folder of kernel sources {folder} is missing.");
            foreach (var path in Directory.EnumerateFiles(folder, "*.cuh"))
                headers.Add((Path.GetFileName(path), File.ReadAllText(path)));
        }
        else
        {
            foreach (var name in typeof(KernelSources).Assembly.GetManifestResourceNames())
            {
                if (name.EndsWith(".cuh", StringComparison.Ordinal))
                    headers.Add((name, Resource(name)!));
            }
        }
        headers.Sort((left, right) => string.CompareOrdinal(left.Name, right.Name));
        return headers;
    }

    private static string? Resource(string name)
    {
        using var stream = typeof(KernelSources).Assembly.GetManifestResourceStream(name);
        if (stream is null)
            return null;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
