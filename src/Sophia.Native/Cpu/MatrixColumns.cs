namespace Sophia.Native.Cpu;

/// <summary>Which products <see cref="MatrixColumnKernels{TSimd, TVector, TElement}"/> takes.</summary>
internal static class MatrixColumns
{
    /// <summary>Above so many rows packing B costs less than transposing it again for every four of them.</summary>
    public const int MaximumRows = 4;

    /// <summary>Few rows, and a B whose columns are contiguous.</summary>
    public static bool Takes<TSimd, TVector>(in MatrixProduct product)
        where TSimd : ISimd<TVector>
        where TVector : struct => product.RowStrideB == 1 && product.ColumnStrideB != 1 && product.M <= MaximumRows && product.N >= TSimd.Width;

    /// <summary>Columns [begin, end) of such a product.</summary>
    public static void Multiply<TSimd, TVector>(in MatrixProduct product, int begin, int end)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        if (product.IsRounded)
            MatrixColumnKernels<TSimd, TVector, BFloat16Element>.Multiply(product, begin, end);
        else
            MatrixColumnKernels<TSimd, TVector, SingleElement>.Multiply(product, begin, end);
    }
}
