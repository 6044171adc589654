using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Sophia.Native.Cuda.Compilation;

/// <summary>
/// Compiled modules on disk, under a hash of all that went into them. A file is written beside its place, flushed and renamed, so that any number of processes may fill the cache at once;
/// what it holds carries a checksum, and a file that is cut short or changed is compiled anew. Where the folder cannot be written the modules are kept in memory for the life of the process.
/// </summary>
/// <param name="folder">The folder; created when the first file is written.</param>
internal sealed class KernelCache(string folder)
{
    private const int ChecksumBytes = 32;
    private const int HeaderBytes = 16 + ChecksumBytes;
    private const ulong Magic = 0x3148504F53_564B43;

    private static readonly ConcurrentDictionary<string, KernelImage> InMemory = [];

    private volatile string? _whyInMemory;

    /// <summary>The folder.</summary>
    public string Folder => folder;

    /// <summary>Why modules are kept in memory alone, or null while the folder can be written.</summary>
    public string? WhyInMemory => _whyInMemory;

    /// <summary>The cache in the folder that SOPHIA_CUDA_CACHE names, or in the user's cache folder.</summary>
    /// <param name="folder">Another folder.</param>
    public static KernelCache Open(string? folder = null) => new(Path.GetFullPath(folder ?? (Environment.GetEnvironmentVariable("SOPHIA_CUDA_CACHE") is { Length: > 0 } named ? named : DefaultFolder())));

    /// <summary>The image of a key, or null.</summary>
    public KernelImage? Read(string key)
    {
        if (InMemory.TryGetValue(Path.Combine(folder, key), out var kept))
            return kept;
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(PathOf(key));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        if (Parse(bytes) is { } image)
            return image;
        CudaEventSource.Log.CacheFileDamaged(PathOf(key));
        return null;
    }

    /// <summary>Keeps an image.</summary>
    public void Write(string key, KernelImage image)
    {
        var temporary = $"{PathOf(key)}.{Environment.ProcessId}-{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(folder);
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                file.Write(Header(image));
                file.Write(image.Bytes);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, PathOf(key), overwrite: true);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Discard(temporary);
            InMemory[Path.Combine(folder, key)] = image with { IsFromCache = true };
            if (_whyInMemory is null)
            {
                _whyInMemory = fault.Message;
                CudaEventSource.Log.CacheNotWritable(folder, fault.Message);
            }
        }
    }

    /// <summary>Tries the folder: why it cannot be written, or null.</summary>
    public string? WhyNotWritable()
    {
        var probe = Path.Combine(folder, $"probe.{Environment.ProcessId}-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(folder);
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
            return null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return fault.Message;
        }
    }

    /// <summary>Forgets an image that the driver refused.</summary>
    public void Remove(string key)
    {
        InMemory.TryRemove(Path.Combine(folder, key), out _);
        Discard(PathOf(key));
    }

    private static KernelImage? Parse(byte[] bytes)
    {
        if (bytes.Length <= HeaderBytes || BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Magic)
            return null;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(8));
        var payload = bytes.AsSpan(HeaderBytes);
        if (payload.Length != length || !SHA256.HashData(payload).AsSpan().SequenceEqual(bytes.AsSpan(16, ChecksumBytes)))
            return null;
        return new(payload.ToArray(), bytes[12] != 0, "", IsFromCache: true);
    }

    private static byte[] Header(KernelImage image)
    {
        var header = new byte[HeaderBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), (uint)image.Bytes.Length);
        header[12] = image.IsPtx ? (byte)1 : (byte)0;
        SHA256.HashData(image.Bytes, header.AsSpan(16));
        return header;
    }

    private static void Discard(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The file that could not be written cannot be removed either; its name is never read.
        }
    }

    private static string DefaultFolder()
    {
        var root = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return Path.Combine(root.Length > 0 ? root : Path.GetTempPath(), "sophia", "kernels");
    }

    private string PathOf(string key) => Path.Combine(folder, key + ".cubin");
}
