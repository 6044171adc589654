namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>A vector of floats that may be absent; then it reads as 0.</summary>
internal readonly struct OptionalVector(Matrix<StoredFloat32> values, bool isAbsent)
{
    private readonly Matrix<StoredFloat32> _values = values;
    private readonly int _isThere = isAbsent ? 0 : 1;

    public bool IsThere => _isThere != 0;

    public float Read(long index) => _isThere != 0 ? _values.Read(index) : 0f;

    /// <summary>Writes an element where the vector is there.</summary>
    public void Write(long index, float value)
    {
        if (_isThere != 0)
            _values.Write(index, value);
    }
}
