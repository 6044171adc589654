using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>The rows of a view of any element type, for operators that move rows without looking at them.</summary>
internal readonly unsafe struct RowBytes(DeviceView view)
{
    private readonly byte* _start = (byte*)view.Address;
    private readonly nint _stride = (nint)(view.Stride * view.Type.Size());

    /// <summary>Bytes of a row.</summary>
    public nint Count { get; } = (nint)(view.Columns * view.Type.Size());

    /// <summary>The first byte of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* At(nint row) => _start + row * _stride;

    /// <summary>Copies a row; the two must not overlap.</summary>
    public void CopyFrom(nint row, byte* source) => Buffer.MemoryCopy(source, At(row), Count, Count);
}
