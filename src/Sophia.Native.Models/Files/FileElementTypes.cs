namespace Sophia.Native.Models.Files;

/// <summary>Names and sizes of <see cref="FileElementType"/>.</summary>
public static class FileElementTypes
{
    /// <summary>Bytes of one element.</summary>
    /// <param name="type">The element type.</param>
    /// <returns>1, 2, 4 or 8.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The type is none of the enumeration's.</exception>
    public static int ByteCount(this FileElementType type) => type switch
    {
        FileElementType.BOOL or FileElementType.U8 or FileElementType.I8 or FileElementType.F8_E5M2 or FileElementType.F8_E4M3 => 1,
        FileElementType.I16 or FileElementType.U16 or FileElementType.F16 or FileElementType.BF16 => 2,
        FileElementType.I32 or FileElementType.U32 or FileElementType.F32 => 4,
        FileElementType.F64 or FileElementType.I64 or FileElementType.U64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not an element type."),
    };

    /// <summary>Whether the type is a float that stands for itself, without a scale beside it: F16, BF16, F32 or F64.</summary>
    /// <param name="type">The element type.</param>
    /// <returns>True for the four.</returns>
    public static bool IsFloat(this FileElementType type) =>
        type is FileElementType.F16 or FileElementType.BF16 or FileElementType.F32 or FileElementType.F64;

    /// <summary>The name in a safetensors header.</summary>
    /// <param name="type">The element type.</param>
    /// <returns>For example <c>BF16</c>.</returns>
    public static string Name(this FileElementType type) => type switch
    {
        FileElementType.BOOL => "BOOL",
        FileElementType.U8 => "U8",
        FileElementType.I8 => "I8",
        FileElementType.F8_E5M2 => "F8_E5M2",
        FileElementType.F8_E4M3 => "F8_E4M3",
        FileElementType.I16 => "I16",
        FileElementType.U16 => "U16",
        FileElementType.F16 => "F16",
        FileElementType.BF16 => "BF16",
        FileElementType.I32 => "I32",
        FileElementType.U32 => "U32",
        FileElementType.F32 => "F32",
        FileElementType.F64 => "F64",
        FileElementType.I64 => "I64",
        FileElementType.U64 => "U64",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not an element type."),
    };

    /// <summary>Finds the type of a header's name.</summary>
    /// <param name="name">The name, case-sensitive.</param>
    /// <param name="type">The type found.</param>
    /// <returns>Whether the name is known.</returns>
    public static bool TryParse(string? name, out FileElementType type)
    {
        for (type = FileElementType.BOOL; type <= FileElementType.U64; type++)
        {
            if (type.Name() == name) return true;
        }
        type = default;
        return false;
    }

    internal static string TorchName(this FileElementType type) => type switch
    {
        FileElementType.F16 => "float16",
        FileElementType.BF16 => "bfloat16",
        FileElementType.F32 => "float32",
        FileElementType.F64 => "float64",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Weights are written as F16, BF16, F32 or F64."),
    };
}
