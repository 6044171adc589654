using System.Text;
using System.Text.RegularExpressions;

namespace Sophia.Native.Cuda.Compilation;

/// <summary>The sources of the kernels: the assembly's resources, or the files of the folder that SOPHIA_CUDA_KERNELS names (to try a changed kernel without building anything).</summary>
internal sealed partial class KernelSources
{
    private readonly string? _folder;

    /// <summary>Name and text of every header, in order of name.</summary>
    private readonly List<(string Name, string Text)> _headers;

    private KernelSources(string? folder)
    {
        _folder = folder;
        _headers = ReadHeaders(folder);
    }

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

    /// <summary>The headers that a source includes, directly or through others, in order of name: a changed header concerns only the kernels that use it.</summary>
    /// <param name="source">The text of a kernel file.</param>
    public List<(string Name, string Text)> HeadersOf(string source)
    {
        var wanted = new HashSet<string>();
        var unread = new Stack<string>();
        unread.Push(source);
        while (unread.TryPop(out var text))
        {
            foreach (var match in Include.EnumerateMatches(text))
            {
                var name = text.AsSpan(match.Index, match.Length).ToString().Split('"')[1];
                if (wanted.Add(name))
                    unread.Push(_headers.Find(header => header.Name == name).Text ?? "");
            }
        }
        return _headers.FindAll(header => wanted.Contains(header.Name));
    }

    [GeneratedRegex(@"^\s*#\s*include\s+""[^""]+""", RegexOptions.Multiline)]
    private static partial Regex Include { get; }

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
