namespace Sophia.Native;

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
