using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>The rows of a Float32 view as an operator walks them.</summary>
internal unsafe struct RowCursor
{
    private readonly float* _start;
    private readonly nint _stride;

    public RowCursor(DeviceView view)
    {
        _start = (float*)view.Address;
        _stride = (nint)view.Stride;
        Row = _start;
    }

    /// <summary>The first element of the present row.</summary>
    public float* Row { get; private set; }

    /// <summary>The first element of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly float* At(nint row) => _start + row * _stride;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MoveTo(nint row) => Row = At(row);

    /// <summary>Copies adjacent elements; the two must not overlap.</summary>
    public static void Copy(float* destination, float* source, nint count) =>
        Buffer.MemoryCopy(source, destination, count * sizeof(float), count * sizeof(float));
}
