namespace Sophia.Native;

/// <summary>The type of the elements of a <see cref="DeviceView"/>.</summary>
public enum ElementType
{
    /// <summary>IEEE binary32.</summary>
    Float32,

    /// <summary>The upper half of a binary32, rounded to nearest even.</summary>
    BFloat16,

    /// <summary>32-bit signed integer.</summary>
    Int32,

    /// <summary>IEEE binary64; used by metrics only.</summary>
    Float64,
}

/// <summary>Sizes of element types.</summary>
public static class ElementTypes
{
    /// <summary>Bytes of one element.</summary>
    /// <param name="type">The element type.</param>
    public static int Size(this ElementType type) => type switch
    {
        ElementType.BFloat16 => 2,
        ElementType.Float64 => 8,
        _ => 4,
    };
}
