namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>A long vector as rows of a loop over rows and columns, whose columns are 32-bit numbers.</summary>
internal static class VectorIndex
{
    public const int RowLength = 1 << 16;

    public static long Of(long row, int column) => row * RowLength + column;
}
