using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Models.Files;

/// <summary>
/// Writes a safetensors file as a stream: the tensors are declared first, then their data is appended piece by piece, in any order of tensors.
/// The same declarations give the same bytes: tensors lie by falling element size, then by name, which also aligns each to its element size.
/// The file appears under its name only on <see cref="Commit"/>.
/// </summary>
public sealed class SafetensorsWriter : IDisposable
{
    private const int BufferElements = 1 << 16;
    private readonly AtomicFile _file;
    private readonly string _path;
    private readonly Dictionary<string, Slot> _slots;
    private bool _committed;

    private SafetensorsWriter(string path, List<SafetensorsDeclaration> ordered, IReadOnlyDictionary<string, string>? metadata)
    {
        _path = path;
        Tensors = ordered.AsReadOnly();
        var header = WriteHeader(ordered, metadata);
        long position = 8 + header.Length;
        _slots = new Dictionary<string, Slot>(ordered.Count, StringComparer.Ordinal);
        foreach (var tensor in ordered)
        {
            if (!_slots.TryAdd(tensor.Name, new Slot { Declaration = tensor, Position = position, Remaining = tensor.ByteCount }))
                throw new ArgumentException($"The tensor \"{tensor.Name}\" is declared twice.");
            position += tensor.ByteCount;
        }
        _file = AtomicFile.Create(path);
        try
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            _file.Stream.Write(length);
            _file.Stream.Write(header);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>The declared tensors in the order of the file.</summary>
    public IReadOnlyList<SafetensorsDeclaration> Tensors { get; }

    /// <summary>Begins a file.</summary>
    /// <param name="path">The target; an existing file is replaced on <see cref="Commit"/>.</param>
    /// <param name="tensors">All tensors of the file, in any order.</param>
    /// <param name="metadata">Texts for <c>__metadata__</c>.</param>
    /// <returns>The writer; dispose it, which discards the file unless it was committed.</returns>
    /// <exception cref="ArgumentException">A name appears twice or is reserved, or a dimension is negative.</exception>
    public static SafetensorsWriter Create(string path, IEnumerable<SafetensorsDeclaration> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("Safetensors files are little-endian; big-endian machines are not supported.");
        var ordered = new List<SafetensorsDeclaration>(tensors);
        foreach (var tensor in ordered)
        {
            if (tensor.Name == SafetensorsHeader.MetadataKey) throw new ArgumentException($"The name \"{tensor.Name}\" is reserved.", nameof(tensors));
            foreach (var dimension in tensor.Shape)
            {
                if (dimension < 0) throw new ArgumentException($"The tensor \"{tensor.Name}\" has a negative dimension in {SafetensorsHeader.Describe(tensor.Shape)}.", nameof(tensors));
            }
        }
        ordered.Sort(static (a, b) =>
        {
            var bySize = b.Type.ByteCount().CompareTo(a.Type.ByteCount());
            return bySize != 0 ? bySize : string.CompareOrdinal(a.Name, b.Name);
        });
        return new SafetensorsWriter(path, ordered, metadata);
    }

    /// <summary>Appends raw little-endian bytes to a tensor.</summary>
    /// <param name="name">A declared tensor.</param>
    /// <param name="bytes">The next bytes of it.</param>
    /// <exception cref="ArgumentException">The tensor is not declared, or has fewer bytes left.</exception>
    public void Write(string name, ReadOnlySpan<byte> bytes)
    {
        var slot = Find(name);
        if (bytes.Length > slot.Remaining)
            throw new ArgumentException($"The tensor \"{name}\" has {slot.Remaining} bytes left to be written, {bytes.Length} were given.", nameof(bytes));
        var stream = _file.Stream;
        if (stream.Position != slot.Position) stream.Position = slot.Position;
        stream.Write(bytes);
        slot.Position += bytes.Length;
        slot.Remaining -= bytes.Length;
    }

    /// <summary>Appends floats to a tensor of type F16, BF16, F32 or F64, rounding to nearest, ties to even.</summary>
    /// <param name="name">A declared tensor.</param>
    /// <param name="values">The next elements of it.</param>
    /// <exception cref="ArgumentException">The tensor is not declared, is of another type, or has fewer elements left.</exception>
    public void WriteFloats(string name, ReadOnlySpan<float> values)
    {
        var type = Find(name).Declaration.Type;
        if (!type.IsFloat()) throw new ArgumentException($"The tensor \"{name}\" is declared as {type.Name()}, floats were given.", nameof(name));
        var buffer = ArrayPool<byte>.Shared.Rent(BufferElements * type.ByteCount());
        try
        {
            while (!values.IsEmpty)
            {
                var count = Math.Min(values.Length, BufferElements);
                var bytes = buffer.AsSpan(0, count * type.ByteCount());
                FloatConversion.FromSingle(type, values[..count], bytes);
                Write(name, bytes);
                values = values[count..];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Flushes the file to the disk and gives it its name.</summary>
    /// <exception cref="InvalidOperationException">A tensor is not complete.</exception>
    public void Commit()
    {
        foreach (var tensor in Tensors)
        {
            if (_slots[tensor.Name].Remaining is var remaining and > 0)
                throw new InvalidOperationException($"{_path}: the tensor \"{tensor.Name}\" still lacks {remaining} bytes.");
        }
        _file.Commit();
        _committed = true;
    }

    /// <summary>Discards the file unless it was committed.</summary>
    public void Dispose()
    {
        if (!_committed) _file.Dispose();
    }

    internal bool IsComplete(string name) => Find(name).Remaining == 0;

    private Slot Find(string name) =>
        _slots.TryGetValue(name, out var slot) ? slot : throw new ArgumentException($"{_path}: no tensor \"{name}\" was declared.", nameof(name));

    private static byte[] WriteHeader(List<SafetensorsDeclaration> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject(SafetensorsHeader.MetadataKey);
                var keys = new List<string>(metadata.Keys);
                keys.Sort(StringComparer.Ordinal);
                foreach (var key in keys) json.WriteString(key, metadata[key]);
                json.WriteEndObject();
            }
            long offset = 0;
            foreach (var tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.Name());
                json.WriteStartArray("shape");
                foreach (var dimension in tensor.Shape) json.WriteNumberValue(dimension);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                offset = checked(offset + tensor.ByteCount);
                json.WriteNumberValue(offset);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        // Spaces after the JSON bring the data to a multiple of 8 bytes.
        var padding = (8 - buffer.WrittenCount % 8) % 8;
        buffer.GetSpan(padding)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Where the next bytes of a tensor go.</summary>
    private sealed class Slot
    {
        public required SafetensorsDeclaration Declaration { get; init; }

        public required long Position { get; set; }

        public required long Remaining { get; set; }
    }
}
