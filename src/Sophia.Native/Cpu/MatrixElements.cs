using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>How the elements of a product's B are stored; arithmetic is on their values as floats.</summary>
internal unsafe interface IMatrixElement
{
    /// <summary>Bytes of an element.</summary>
    static abstract int Size { get; }

    /// <summary>The first element of B.</summary>
    static abstract byte* Address(in MatrixProduct product);

    static abstract float Load(byte* source);

    /// <summary>
    /// A vector's bytes of as many rows as it has lanes, transposed: lane r of the vector at block + j * width is element j of the row at source + r * stride bytes.
    /// </summary>
    static abstract void LoadBlock<TSimd, TVector>(byte* source, nint stride, float* block)
        where TSimd : ISimd<TVector>
        where TVector : struct;

    /// <summary>Adds factors[j] times the vector j of <see cref="LoadBlock"/> to a vector of sums, one multiply-add after the other.</summary>
    static abstract void AddBlock<TSimd, TVector>(float* sums, float* factors, byte* source, nint stride)
        where TSimd : ISimd<TVector>
        where TVector : struct;
}

/// <summary>B in single precision.</summary>
internal readonly unsafe struct SingleElement : IMatrixElement
{
    public static int Size => sizeof(float);

    public static byte* Address(in MatrixProduct product) => (byte*)product.B;

    public static float Load(byte* source) => *(float*)source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadBlock<TSimd, TVector>(byte* source, nint stride, float* block)
        where TSimd : ISimd<TVector>
        where TVector : struct => TSimd.Transpose(source, stride, block, TSimd.Width);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddBlock<TSimd, TVector>(float* sums, float* factors, byte* source, nint stride)
        where TSimd : ISimd<TVector>
        where TVector : struct => TSimd.AddColumns(sums, factors, source, stride);
}

/// <summary>B in BFloat16: half the bytes, widened in registers, which is exact.</summary>
internal readonly unsafe struct BFloat16Element : IMatrixElement
{
    public static int Size => sizeof(BFloat16);

    public static byte* Address(in MatrixProduct product) => (byte*)product.RoundedB;

    public static float Load(byte* source) => *(BFloat16*)source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadBlock<TSimd, TVector>(byte* source, nint stride, float* block)
        where TSimd : ISimd<TVector>
        where TVector : struct => TSimd.TransposeRounded(source, stride, block, TSimd.Width);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddBlock<TSimd, TVector>(float* sums, float* factors, byte* source, nint stride)
        where TSimd : ISimd<TVector>
        where TVector : struct => TSimd.AddRoundedColumns(sums, factors, source, stride);
}
