namespace Sophia.Native.Cuda;

/// <summary>Whether a kernel may move 16 bytes at a time (kernels/elements.cuh). The bits of a result do not depend on it.</summary>
internal static class Alignment
{
    private const int VectorBytes = 16;

    /// <summary>The values of ALIGNED with which kernels are compiled.</summary>
    public static int[][] Constants { get; } = [[0], [1]];

    /// <summary>Elements of 16 bytes.</summary>
    public static int Vector(ElementType type) => VectorBytes / type.Size();

    /// <summary>The constant ALIGNED: 1 if every row of every view begins at a multiple of 16 bytes and <paramref name="columns"/> are whole vectors. Absent views do not matter.</summary>
    /// <param name="columns">The length of the pieces that are read and written.</param>
    /// <param name="type">Their type.</param>
    /// <param name="views">All that is read or written by vectors.</param>
    public static int Of(long columns, ElementType type, params ReadOnlySpan<DeviceView> views)
    {
        if (columns % Vector(type) != 0)
            return 0;
        foreach (var view in views)
        {
            var strideBytes = view.Rows > 1 ? view.Stride * view.Type.Size() : 0;
            if (((view.Address | strideBytes) & (VectorBytes - 1)) != 0)
                return 0;
        }
        return 1;
    }
}
