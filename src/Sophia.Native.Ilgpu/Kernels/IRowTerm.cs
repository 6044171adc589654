namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>What a column adds to a sum over a row.</summary>
internal interface IRowTerm
{
    /// <summary>The sum with the column's term added.</summary>
    float Add(float sum, int column);
}
