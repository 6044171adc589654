namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>What an elementwise operation does with one element.</summary>
internal interface IElementOperator
{
    void Apply(long row, int column);
}
