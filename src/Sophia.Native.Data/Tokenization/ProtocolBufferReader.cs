using System.Buffers.Binary;

namespace Sophia.Native.Data.Tokenization;

/// <summary>Walks the fields of a protocol buffer message, as far as a SentencePiece model needs it. The bytes are hostile: every length is checked before it is used.</summary>
/// <param name="bytes">The message.</param>
/// <param name="source">What an error message begins with.</param>
internal ref struct ProtocolBufferReader(ReadOnlySpan<byte> bytes, string source)
{
    private const int VariableLength = 0, EightBytes = 1, Delimited = 2, FourBytes = 5;

    private ReadOnlySpan<byte> _rest = bytes;
    private ReadOnlySpan<byte> _bytes;
    private ulong _number;
    private int _wire;

    /// <summary>Number of the field that <see cref="Read"/> found.</summary>
    public int Field { get; private set; }

    /// <summary>Finds the next field.</summary>
    /// <returns>False at the end.</returns>
    /// <exception cref="InvalidDataException">The message is cut off or has a field of an unknown kind.</exception>
    public bool Read()
    {
        if (_rest.IsEmpty) return false;
        ulong tag = Variable();
        _wire = (int)(tag & 7);
        if (tag >> 3 is 0 or > int.MaxValue) throw Fault($"field number {tag >> 3}");
        Field = (int)(tag >> 3);
        switch (_wire)
        {
            case VariableLength: _number = Variable(); break;
            case EightBytes: _bytes = Take(8); break;
            case FourBytes: _bytes = Take(4); break;
            case Delimited:
                ulong length = Variable();
                _bytes = Take(length > int.MaxValue ? int.MaxValue : (int)length);
                break;
            default: throw Fault($"wire type {_wire} in field {Field}");
        }

        return true;
    }

    /// <summary>The field as a message, a text or bytes.</summary>
    public readonly ReadOnlySpan<byte> Bytes() => _wire == Delimited ? _bytes : throw Fault($"a number in field {Field}");

    /// <summary>The field as a whole number.</summary>
    public readonly long Integer() => _wire == VariableLength ? (long)_number : throw Fault($"bytes in field {Field}");

    /// <summary>The field as true or false.</summary>
    public readonly bool Boolean() => Integer() != 0;

    /// <summary>The field as a float.</summary>
    public readonly float Single() => _wire == FourBytes ? BinaryPrimitives.ReadSingleLittleEndian(_bytes) : throw Fault($"no float in field {Field}");

    private ulong Variable()
    {
        ulong value = 0;
        for (int i = 0; i < 10; i++)
        {
            byte next = Take(1)[0];
            value |= (ulong)(next & 0x7F) << (7 * i);
            if (next < 0x80) return value;
        }

        throw Fault("a number of more than 64 bits");
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length > _rest.Length) throw Fault("an end in the middle of a field");
        ReadOnlySpan<byte> taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }

    private readonly InvalidDataException Fault(string found) => new($"{source}: expected a SentencePiece model (a protocol buffer), found {found}.");
}
