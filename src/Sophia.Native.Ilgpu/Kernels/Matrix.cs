using ILGPU;

namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>A <see cref="DeviceView"/> inside a kernel: rows <paramref name="stride"/> elements apart, read and written as fp32. A vector is its row 0.</summary>
/// <param name="elements">From the first element on; for an absent argument any memory, which is not touched.</param>
/// <param name="stride">Elements between the starts of two rows.</param>
internal readonly struct Matrix<TStored>(ArrayView<TStored> elements, long stride)
    where TStored : unmanaged, IStored<TStored>
{
    private readonly ArrayView<TStored> _elements = elements;
    private readonly long _stride = stride;

    public float Read(long row, long column) => TStored.Widen(_elements[row * _stride + column]);

    public void Write(long row, long column, float value) => _elements[row * _stride + column] = TStored.Round(value);

    /// <summary>The element as it is stored, for copies.</summary>
    public TStored Raw(long row, long column) => _elements[row * _stride + column];

    public void WriteRaw(long row, long column, TStored element) => _elements[row * _stride + column] = element;

    /// <summary>An element of a vector.</summary>
    public float Read(long index) => TStored.Widen(_elements[index]);

    /// <summary>Writes an element of a vector.</summary>
    public void Write(long index, float value) => _elements[index] = TStored.Round(value);

    /// <summary>Writes an element of a vector, rounded stochastically where the type rounds.</summary>
    public void WriteStochastically(long index, float value, uint random) => _elements[index] = TStored.RoundStochastically(value, random);
}
