using System.Buffers.Binary;
using System.Text;

namespace Sophia.Native.Training.Runs;

/// <summary>A message in the wire format of Protocol Buffers, field by field: what event files need of it, so that the library carries no other implementation.</summary>
internal sealed class ProtobufMessage
{
    private const int Varint = 0;
    private const int Fixed64 = 1;
    private const int LengthDelimited = 2;
    private const int Fixed32 = 5;

    private readonly MemoryStream _bytes = new();

    /// <summary>What was written so far.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.GetBuffer().AsSpan(0, (int)_bytes.Length);

    public ProtobufMessage Integer(int field, long value)
    {
        Tag(field, Varint);
        Number((ulong)value);
        return this;
    }

    public ProtobufMessage Double(int field, double value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(double)];
        BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
        Tag(field, Fixed64);
        _bytes.Write(bytes);
        return this;
    }

    public ProtobufMessage Float(int field, float value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        Tag(field, Fixed32);
        _bytes.Write(bytes);
        return this;
    }

    public ProtobufMessage Text(int field, string value) => Content(field, Encoding.UTF8.GetBytes(value));

    public ProtobufMessage Message(int field, ProtobufMessage value) => Content(field, value.Bytes);

    private ProtobufMessage Content(int field, ReadOnlySpan<byte> value)
    {
        Tag(field, LengthDelimited);
        Number((ulong)value.Length);
        _bytes.Write(value);
        return this;
    }

    private void Tag(int field, int wireType) => Number((ulong)(field << 3 | wireType));

    private void Number(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
            _bytes.WriteByte((byte)(value | 0x80));
        _bytes.WriteByte((byte)value);
    }
}
