using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Sophia.Native.Models.Files;

/// <summary>A tensor of an open safetensors file: its description, and reading of any range of it straight into the caller's memory.</summary>
public sealed class SafetensorsTensor
{
    private const int BufferBytes = 1 << 18;
    private readonly SafetensorsFile _file;
    private readonly long _position;

    internal SafetensorsTensor(SafetensorsFile file, string name, FileElementType type, long[] shape, long elementCount, long position)
    {
        _file = file;
        _position = position;
        Name = name;
        Type = type;
        Shape = Array.AsReadOnly(shape);
        ElementCount = elementCount;
    }

    /// <summary>The name in the file.</summary>
    public string Name { get; }

    /// <summary>The element type.</summary>
    public FileElementType Type { get; }

    /// <summary>The dimensions, slowest first; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Product of the dimensions.</summary>
    public long ElementCount { get; }

    /// <summary>Size in the file.</summary>
    public long ByteCount => ElementCount * Type.ByteCount();

    /// <summary>Elements of one row: the product of all dimensions but the first; 1 for a scalar.</summary>
    public long RowLength
    {
        get
        {
            long length = 1;
            for (var i = 1; i < Shape.Count; i++) length *= Shape[i];
            return length;
        }
    }

    /// <summary>The file that holds it.</summary>
    public string FilePath => _file.Path;

    /// <summary>Reads raw bytes as they are stored (little-endian).</summary>
    /// <param name="firstByte">First byte within the tensor.</param>
    /// <param name="destination">Filled completely.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    /// <exception cref="InvalidDataException">The file has become shorter since it was opened.</exception>
    public void ReadBytes(long firstByte, Span<byte> destination)
    {
        CheckRange(firstByte, destination.Length, ByteCount, nameof(firstByte));
        _file.Read(_position + firstByte, destination);
    }

    /// <summary>Reads elements of any type as floats, rounding to nearest where the type is wider.</summary>
    /// <param name="firstElement">First element within the tensor, counted row by row.</param>
    /// <param name="destination">Filled completely.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    /// <exception cref="InvalidDataException">The file has become shorter since it was opened.</exception>
    public void ReadFloats(long firstElement, Span<float> destination)
    {
        CheckRange(firstElement, destination.Length, ElementCount, nameof(firstElement));
        if (Type == FileElementType.F32)
        {
            _file.Read(_position + 4 * firstElement, MemoryMarshal.AsBytes(destination));
            return;
        }
        var size = Type.ByteCount();
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            while (!destination.IsEmpty)
            {
                var count = Math.Min(destination.Length, BufferBytes / size);
                var bytes = buffer.AsSpan(0, count * size);
                _file.Read(_position + firstElement * size, bytes);
                FloatConversion.ToSingle(Type, bytes, destination[..count]);
                destination = destination[count..];
                firstElement += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads whole rows (slices of the first dimension) as floats.</summary>
    /// <param name="firstRow">First row.</param>
    /// <param name="destination">A whole number of rows; filled completely.</param>
    /// <exception cref="ArgumentException">The destination is not a whole number of rows.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    /// <exception cref="InvalidDataException">The file has become shorter since it was opened.</exception>
    public void ReadRows(long firstRow, Span<float> destination)
    {
        var length = RowLength;
        if (length == 0 ? !destination.IsEmpty : destination.Length % length != 0)
            throw new ArgumentException($"Expected a whole number of rows of {length} elements, found {destination.Length} elements.", nameof(destination));
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstRow, Shape.Count == 0 ? 1 : Shape[0]);
        ReadFloats(firstRow * length, destination);
    }

    /// <summary>Reads elements of an integer type or BOOL.</summary>
    /// <param name="firstElement">First element within the tensor, counted row by row.</param>
    /// <param name="destination">Filled completely.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    /// <exception cref="InvalidDataException">The tensor holds floats, a number beyond 64 signed bits or a BOOL other than 0 and 1, or the file has become shorter since it was opened.</exception>
    public void ReadIntegers(long firstElement, Span<long> destination)
    {
        CheckRange(firstElement, destination.Length, ElementCount, nameof(firstElement));
        if (Type.IsFloat() || Type is FileElementType.F8_E4M3 or FileElementType.F8_E5M2)
            throw new InvalidDataException($"{FilePath}: tensor {SafetensorsHeader.Quote(Name)}: expected integers, found {Type.Name()}.");
        var size = Type.ByteCount();
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            for (var done = 0; done < destination.Length;)
            {
                var count = Math.Min(destination.Length - done, BufferBytes / size);
                var bytes = buffer.AsSpan(0, count * size);
                _file.Read(_position + (firstElement + done) * size, bytes);
                for (var i = 0; i < count; i++) destination[done + i] = ToInteger(bytes, i, firstElement + done + i);
                done += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Type.Name()} {SafetensorsHeader.Describe(Shape)}";

    private long ToInteger(ReadOnlySpan<byte> bytes, int index, long element)
    {
        if (Type == FileElementType.U64)
        {
            var value = BinaryPrimitives.ReadUInt64LittleEndian(bytes[(8 * index)..]);
            return value <= long.MaxValue ? (long)value
                : throw new InvalidDataException($"{FilePath}: tensor {SafetensorsHeader.Quote(Name)}, element {element}: expected a number below 2^63, found {value}.");
        }
        var integer = FloatConversion.ToInteger(Type, bytes, index);
        if (Type == FileElementType.BOOL && integer > 1)
            throw new InvalidDataException($"{FilePath}: tensor {SafetensorsHeader.Quote(Name)}, element {element}: expected a BOOL of 0 or 1, found {integer}.");
        return integer;
    }

    private static void CheckRange(long first, long count, long length, string name)
    {
        if (first < 0 || first > length - count)
            throw new ArgumentOutOfRangeException(name, first, $"The range of {count} from {first} leaves the tensor's {length}.");
    }
}
