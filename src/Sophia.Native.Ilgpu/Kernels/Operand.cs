using ILGPU;

namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>An operand of a matrix product as [extent, depth], whichever of the two lies side by side in memory.</summary>
internal readonly struct Operand<TStored>(ArrayView<TStored> elements, long stride, long depthStride)
    where TStored : unmanaged, IStored<TStored>
{
    private readonly ArrayView<TStored> _elements = elements;
    private readonly long _stride = stride;
    private readonly long _depthStride = depthStride;

    /// <summary>Whether neighbors along the depth are neighbors in memory.</summary>
    public bool IsDepthAdjacent => _depthStride == 1;

    public float Read(long index, long depth) => TStored.Widen(_elements[index * _stride + depth * _depthStride]);
}
