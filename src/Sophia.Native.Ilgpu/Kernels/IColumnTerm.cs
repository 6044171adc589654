namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>What a row adds to the sum of a column: gradients of biases, norm weights and layer scales are such sums.</summary>
internal interface IColumnTerm
{
    /// <summary>The sum with the row's term added.</summary>
    float Add(float sum, long row, int column);
}
