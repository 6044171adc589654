namespace Sophia.Native.Cuda.Launching;

/// <summary>The C++ type of a kernel's parameter.</summary>
internal enum ArgumentKind : byte
{
    Pointer,
    Int,
    Long,
    UnsignedInt,
    UnsignedLong,
    Float,
    Double,
}
