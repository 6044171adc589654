using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Win32.SafeHandles;

namespace Sophia.Native.Models.Files;

/// <summary>
/// An open safetensors file: eight bytes of header length, a JSON header, and the data
/// (https://github.com/huggingface/safetensors, section Format). Nothing in the file is believed before it is checked. Data is read by position, not mapped into memory, so that a
/// file that shrinks while it is read is an error and not a crash. Reading is safe from several threads.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private readonly SafeFileHandle _handle;
    private readonly Dictionary<string, SafetensorsTensor> _byName;

    private SafetensorsFile(string path, SafeFileHandle handle)
    {
        Path = path;
        _handle = handle;
        var length = RandomAccess.GetLength(handle);
        if (length < 8) throw SafetensorsHeader.Fault(this, $"expected at least 8 bytes, found {length}; this is not a safetensors file");
        Span<byte> prefix = stackalloc byte[8];
        Read(0, prefix);
        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        var limit = (ulong)Math.Min(SafetensorsHeader.MaxBytes, length - 8);
        if (headerLength > limit)
            throw SafetensorsHeader.Fault(this, $"expected a header of at most {limit} bytes, found a length of {headerLength}; the file is cut off or not a safetensors file");
        var header = new byte[(int)headerLength];
        Read(8, header);
        var dataStart = 8 + (long)headerLength;
        var (tensors, metadata) = SafetensorsHeader.Parse(this, header, dataStart, length - dataStart);
        Tensors = tensors.AsReadOnly();
        Metadata = metadata.AsReadOnly();
        _byName = new Dictionary<string, SafetensorsTensor>(tensors.Count, StringComparer.Ordinal);
        foreach (var tensor in tensors) _byName.Add(tensor.Name, tensor);
    }

    /// <summary>The path it was opened with.</summary>
    public string Path { get; }

    /// <summary>All tensors in the order of their data.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors { get; }

    /// <summary>The texts under <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensor of a name.</summary>
    /// <param name="name">The name in the file.</param>
    /// <exception cref="InvalidDataException">The file has no such tensor.</exception>
    public SafetensorsTensor this[string name] =>
        TryFind(name, out var tensor) ? tensor : throw SafetensorsHeader.Fault(this, $"expected a tensor {SafetensorsHeader.Quote(name)}, found none among {Tensors.Count}");

    /// <summary>Opens a file and checks its header: length, JSON, element types, shapes, and that the data has neither overlaps nor holes.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The open file; dispose it.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is cut off or not a valid safetensors file; the message says where.</exception>
    public static SafetensorsFile Open(string path)
    {
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("Safetensors files are little-endian; big-endian machines are not supported.");
        var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        try
        {
            return new SafetensorsFile(path, handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Looks a tensor up.</summary>
    /// <param name="name">The name in the file.</param>
    /// <param name="tensor">The tensor found.</param>
    /// <returns>Whether the file has it.</returns>
    public bool TryFind(string name, [NotNullWhen(true)] out SafetensorsTensor? tensor) => _byName.TryGetValue(name, out tensor);

    /// <summary>Closes the file.</summary>
    public void Dispose() => _handle.Dispose();

    internal void Read(long position, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            var count = RandomAccess.Read(_handle, destination, position);
            if (count <= 0)
                throw SafetensorsHeader.Fault(this, $"expected {destination.Length} more bytes at {position}, found the end; the file has become shorter while it was read");
            destination = destination[count..];
            position += count;
        }
    }
}
