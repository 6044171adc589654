namespace Sophia.Native.Models.Files;

/// <summary>A tensor that is going to be written.</summary>
/// <param name="Name">The name in the file.</param>
/// <param name="Type">The element type.</param>
/// <param name="Shape">The dimensions, slowest first; empty for a scalar.</param>
public sealed record SafetensorsDeclaration(string Name, FileElementType Type, IReadOnlyList<long> Shape)
{
    /// <summary>Product of the dimensions.</summary>
    /// <exception cref="OverflowException">The product exceeds 64 bits.</exception>
    public long ElementCount
    {
        get
        {
            long count = 1;
            foreach (var dimension in Shape) count = checked(count * dimension);
            return count;
        }
    }

    /// <summary>Size in the file.</summary>
    public long ByteCount => checked(ElementCount * Type.ByteCount());
}
