using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Sophia.Native.Models.Files;

/// <summary>Converts the element types of files to and from float. Files are little-endian.</summary>
internal static class FloatConversion
{
    /// <summary>Converts whole elements; <paramref name="source"/> holds exactly those of <paramref name="destination"/>.</summary>
    public static void ToSingle(FileElementType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (type)
        {
            case FileElementType.F32:
                source.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case FileElementType.BF16:
                BFloat16.Widen(MemoryMarshal.Cast<byte, BFloat16>(source)[..destination.Length], destination);
                break;
            case FileElementType.F16:
                var halves = MemoryMarshal.Cast<byte, Half>(source);
                for (var i = 0; i < destination.Length; i++) destination[i] = (float)halves[i];
                break;
            case FileElementType.F64:
                var doubles = MemoryMarshal.Cast<byte, double>(source);
                for (var i = 0; i < destination.Length; i++) destination[i] = (float)doubles[i];
                break;
            case FileElementType.F8_E5M2:
                // The type is a half without its lower mantissa byte.
                for (var i = 0; i < destination.Length; i++) destination[i] = (float)BitConverter.UInt16BitsToHalf((ushort)(source[i] << 8));
                break;
            case FileElementType.F8_E4M3:
                for (var i = 0; i < destination.Length; i++) destination[i] = E4M3ToSingle(source[i]);
                break;
            case FileElementType.U64:
                for (var i = 0; i < destination.Length; i++) destination[i] = BinaryPrimitives.ReadUInt64LittleEndian(source[(8 * i)..]);
                break;
            default:
                for (var i = 0; i < destination.Length; i++) destination[i] = ToInteger(type, source, i);
                break;
        }
    }

    /// <summary>Element <paramref name="index"/> of an integer type other than U64.</summary>
    public static long ToInteger(FileElementType type, ReadOnlySpan<byte> source, int index) => type switch
    {
        FileElementType.BOOL or FileElementType.U8 => source[index],
        FileElementType.I8 => (sbyte)source[index],
        FileElementType.I16 => BinaryPrimitives.ReadInt16LittleEndian(source[(2 * index)..]),
        FileElementType.U16 => BinaryPrimitives.ReadUInt16LittleEndian(source[(2 * index)..]),
        FileElementType.I32 => BinaryPrimitives.ReadInt32LittleEndian(source[(4 * index)..]),
        FileElementType.U32 => BinaryPrimitives.ReadUInt32LittleEndian(source[(4 * index)..]),
        FileElementType.I64 => BinaryPrimitives.ReadInt64LittleEndian(source[(8 * index)..]),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not an integer type."),
    };

    /// <summary>Converts to a float type, to nearest, ties to even. <paramref name="destination"/> holds exactly the elements of <paramref name="source"/>.</summary>
    public static void FromSingle(FileElementType type, ReadOnlySpan<float> source, Span<byte> destination)
    {
        switch (type)
        {
            case FileElementType.F32:
                MemoryMarshal.AsBytes(source).CopyTo(destination);
                break;
            case FileElementType.BF16:
                BFloat16.Round(source, MemoryMarshal.Cast<byte, BFloat16>(destination));
                break;
            case FileElementType.F16:
                var halves = MemoryMarshal.Cast<byte, Half>(destination);
                for (var i = 0; i < source.Length; i++) halves[i] = (Half)source[i];
                break;
            case FileElementType.F64:
                var doubles = MemoryMarshal.Cast<byte, double>(destination);
                for (var i = 0; i < source.Length; i++) doubles[i] = source[i];
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Floats are written as F16, BF16, F32 or F64.");
        }
    }

    private static float E4M3ToSingle(byte bits)
    {
        var (exponent, mantissa) = ((bits >> 3) & 15, bits & 7);
        var magnitude = (exponent, mantissa) switch
        {
            (15, 7) => float.NaN,
            (0, _) => mantissa / 512f, // subnormal: mantissa / 8 * 2^-6
            _ => (8 + mantissa) * BitConverter.Int32BitsToSingle((exponent - 10 + 127) << 23),
        };
        return (bits & 0x80) != 0 ? -magnitude : magnitude;
    }
}
