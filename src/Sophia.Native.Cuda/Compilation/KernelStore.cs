using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Sophia.Native.Cuda.Interop;

namespace Sophia.Native.Cuda.Compilation;

/// <summary>Gives the compiled image of a specialization: from the cache, or compiled now and kept. Several threads may ask at once; each specialization is compiled once. Needs no device.</summary>
internal sealed class KernelStore
{
    private const int KeyCharacters = 40;

    private readonly KernelSources _sources;
    private readonly KernelCompiler _compiler;
    private readonly string _identity;
    private readonly ConcurrentDictionary<KernelSpecialization, Lazy<KernelImage>> _images = [];
    private int _compiledCount;

    /// <summary>Opens the store for an architecture; NVRTC is loaded.</summary>
    public KernelStore(DeviceArchitecture architecture, KernelCache cache, KernelSources sources)
    {
        _sources = sources;
        Architecture = architecture;
        Cache = cache;
        _compiler = new(sources);
        CompilerVersion = Nvrtc.nvrtcVersion(out var major, out var minor) == 0 ? $"{major}.{minor}" : "of unknown version";
        _identity = $"{CompilerVersion} {CompilerFile()}";
    }

    public DeviceArchitecture Architecture { get; }

    public KernelCache Cache { get; }

    /// <summary>NVRTC's version.</summary>
    public string CompilerVersion { get; }

    /// <summary>How many specializations this store compiled.</summary>
    public int CompiledCount => _compiledCount;

    /// <summary>The image of a specialization.</summary>
    /// <exception cref="CudaException">The compiler refused.</exception>
    public KernelImage Image(KernelSpecialization specialization) =>
        _images.GetOrAdd(specialization, static (wanted, store) => new(() => store.ReadOrCompile(wanted)), this).Value;

    /// <summary>Compiles a specialization although there is an image of it: the driver refused that one.</summary>
    public KernelImage Replace(KernelSpecialization specialization)
    {
        Cache.Remove(Key(specialization));
        _images.TryRemove(specialization, out _);
        return Image(specialization);
    }

    /// <summary>Compiles specializations on all processors; those in the cache cost nothing. What cannot be compiled is passed over, and fails when it is asked for.</summary>
    /// <param name="specializations">Which.</param>
    /// <param name="cancellation">Ends it after those that are being compiled.</param>
    public void Fill(IEnumerable<KernelSpecialization> specializations, CancellationToken cancellation = default) =>
        Parallel.ForEach(specializations, new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount }, specialization =>
        {
            try
            {
                Image(specialization);
            }
            catch (Exception refusal) when (refusal is CudaException or IOException or NotSupportedException)
            {
                CudaEventSource.Log.NotCompiledAhead(specialization.ToString(), refusal.Message);
            }
        });

    private KernelImage ReadOrCompile(KernelSpecialization specialization)
    {
        var key = Key(specialization);
        if (Cache.Read(key) is { } cached)
            return cached;
        var watch = Stopwatch.StartNew();
        var image = _compiler.Compile(specialization, Architecture);
        CudaEventSource.Log.Compiled(specialization.ToString(), Architecture.Name, watch.ElapsedMilliseconds, image.Log);
        Cache.Write(key, image);
        Interlocked.Increment(ref _compiledCount);
        return image;
    }

    /// <summary>A hash of compiler, options, included headers and source.</summary>
    private string Key(KernelSpecialization specialization)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Add(string text)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(text));
            hash.AppendData([0]);
        }
        Add(_identity);
        foreach (var option in KernelCompiler.Options(specialization, Architecture))
            Add(option);
        var source = _sources.Read(specialization.File);
        foreach (var (name, text) in _sources.HeadersOf(source))
        {
            Add(name);
            Add(text);
        }
        Add(source);
        return $"{specialization.File.Name}-{Convert.ToHexStringLower(hash.GetHashAndReset())[..KeyCharacters]}";
    }

    /// <summary>What tells one build of the compiler from another of the same version.</summary>
    private static string CompilerFile()
    {
        if (CudaLibraries.Compiler.Path is not { } path)
            return "";
        var file = new FileInfo(path);
        return file.Exists ? $"{file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks}" : path;
    }
}
