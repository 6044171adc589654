using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sophia.Native.Cpu;

/// <summary>
/// Sixteen lanes on AVX-512. The instructions are named explicitly: the width-neutral API may fall back to narrower
/// code where the runtime prefers 256-bit vectors.
/// </summary>
internal readonly unsafe struct Simd512 : ISimd<Vector512<float>>
{
    public static CpuPath Path => CpuPath.Avx512;

    public static int Width
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 16;
    }

    public static Vector512<float> Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512<float>.Zero;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Avx512F.LoadVector512(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(BFloat16* source) => Avx512F.ShiftLeftLogical(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)source)), 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Vector512<float> value) => Avx512F.Store(destination, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadPartial(float* source, int count) => Avx512F.MaskLoad(source, Mask(count), Vector512<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePartial(float* destination, Vector512<float> value, int count) => Avx512F.MaskStore(destination, Mask(count), value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Create(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(float* source) => Vector512.Create(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> CreateBits(int bits) => Vector512.Create(bits).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToScalar(Vector512<float> value) => value.ToScalar();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> left, Vector512<float> right) => Avx512F.Add(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> left, Vector512<float> right) => Avx512F.Subtract(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> left, Vector512<float> right) => Avx512F.Multiply(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Divide(Vector512<float> left, Vector512<float> right) => Avx512F.Divide(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> FusedMultiplyAdd(Vector512<float> left, Vector512<float> right, Vector512<float> addend) => Avx512F.FusedMultiplyAdd(left, right, addend);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> FusedNegatedMultiplyAdd(Vector512<float> left, Vector512<float> right, Vector512<float> addend) => Avx512F.FusedMultiplyAddNegated(left, right, addend);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Max(Vector512<float> left, Vector512<float> right) => Avx512F.Max(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Min(Vector512<float> left, Vector512<float> right) => Avx512F.Min(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Abs(Vector512<float> value) => Avx512F.And(value.AsInt32(), Vector512.Create(int.MaxValue)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Negate(Vector512<float> value) => Avx512F.Xor(value.AsInt32(), Vector512.Create(int.MinValue)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sqrt(Vector512<float> value) => Avx512F.Sqrt(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Round(Vector512<float> value) => Avx512F.RoundScale(value, 0x08);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Floor(Vector512<float> value) => Avx512F.RoundScale(value, 0x09);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LessThan(Vector512<float> left, Vector512<float> right) => Avx512F.CompareLessThan(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LessThanOrEqual(Vector512<float> left, Vector512<float> right) => Avx512F.CompareLessThanOrEqual(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> GreaterThan(Vector512<float> left, Vector512<float> right) => Avx512F.CompareGreaterThan(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Equal(Vector512<float> left, Vector512<float> right) => Avx512F.CompareEqual(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Select(Vector512<float> mask, Vector512<float> whenTrue, Vector512<float> whenFalse) => Avx512F.BlendVariable(whenFalse, whenTrue, mask);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AndBits(Vector512<float> left, Vector512<float> right) => Avx512F.And(left.AsInt32(), right.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> OrBits(Vector512<float> left, Vector512<float> right) => Avx512F.Or(left.AsInt32(), right.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> XorBits(Vector512<float> left, Vector512<float> right) => Avx512F.Xor(left.AsInt32(), right.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AddBits(Vector512<float> left, Vector512<float> right) => Avx512F.Add(left.AsInt32(), right.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> SubtractBits(Vector512<float> left, Vector512<float> right) => Avx512F.Subtract(left.AsInt32(), right.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ShiftLeftBits(Vector512<float> value, [ConstantExpected] byte count) => Avx512F.ShiftLeftLogical(value.AsInt32(), count).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ShiftRightBits(Vector512<float> value, [ConstantExpected] byte count) => Avx512F.ShiftRightLogical(value.AsInt32(), count).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyEvenBits(Vector512<float> left, Vector512<float> right) => Avx512F.Multiply(left.AsUInt32(), right.AsUInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> OddToEvenBits(Vector512<float> value) => Avx512F.ShiftRightLogical(value.AsUInt64(), 32).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ReverseFours(Vector512<float> value) => Avx512F.Shuffle(value.AsUInt32(), 0b00_01_10_11).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ConvertIntegerBitsToSingle(Vector512<float> bits) => Avx512F.ConvertToVector512Single(bits.AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> value) => Simd256.Sum(value.GetLower() + value.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxAcross(Vector512<float> value) => Simd256.MaxAcross(Simd256.Max(value.GetLower(), value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(float* source, nint sourceStride, float* destination, nint destinationStride) =>
        Transpose((byte*)source, sourceStride * sizeof(float), destination, destinationStride);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(byte* source, nint sourceStride, float* destination, nint destinationStride)
    {
        LoadTransposed(source, sourceStride,
            out var a0, out var a1, out var a2, out var a3, out var b0, out var b1, out var b2, out var b3,
            out var c0, out var c1, out var c2, out var c3, out var d0, out var d1, out var d2, out var d3);
        Store(destination, a0);
        Store(destination + destinationStride, a1);
        Store(destination + 2 * destinationStride, a2);
        Store(destination + 3 * destinationStride, a3);
        Store(destination + 4 * destinationStride, b0);
        Store(destination + 5 * destinationStride, b1);
        Store(destination + 6 * destinationStride, b2);
        Store(destination + 7 * destinationStride, b3);
        Store(destination + 8 * destinationStride, c0);
        Store(destination + 9 * destinationStride, c1);
        Store(destination + 10 * destinationStride, c2);
        Store(destination + 11 * destinationStride, c3);
        Store(destination + 12 * destinationStride, d0);
        Store(destination + 13 * destinationStride, d1);
        Store(destination + 14 * destinationStride, d2);
        Store(destination + 15 * destinationStride, d3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TransposeRounded(byte* source, nint sourceStride, float* destination, nint destinationStride)
    {
        LoadTransposed(source, sourceStride,
            out var a0, out var a1, out var a2, out var a3, out var b0, out var b1, out var b2, out var b3,
            out var c0, out var c1, out var c2, out var c3, out var d0, out var d1, out var d2, out var d3);
        StorePair(destination, destinationStride, a0);
        StorePair(destination + 2 * destinationStride, destinationStride, a1);
        StorePair(destination + 4 * destinationStride, destinationStride, a2);
        StorePair(destination + 6 * destinationStride, destinationStride, a3);
        StorePair(destination + 8 * destinationStride, destinationStride, b0);
        StorePair(destination + 10 * destinationStride, destinationStride, b1);
        StorePair(destination + 12 * destinationStride, destinationStride, b2);
        StorePair(destination + 14 * destinationStride, destinationStride, b3);
        StorePair(destination + 16 * destinationStride, destinationStride, c0);
        StorePair(destination + 18 * destinationStride, destinationStride, c1);
        StorePair(destination + 20 * destinationStride, destinationStride, c2);
        StorePair(destination + 22 * destinationStride, destinationStride, c3);
        StorePair(destination + 24 * destinationStride, destinationStride, d0);
        StorePair(destination + 26 * destinationStride, destinationStride, d1);
        StorePair(destination + 28 * destinationStride, destinationStride, d2);
        StorePair(destination + 30 * destinationStride, destinationStride, d3);
    }

    /// <summary>Two neighbors share a word of 32 bits: the even one is its lower half, the odd one its upper half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePair(float* destination, nint stride, Vector512<float> words)
    {
        Store(destination, ShiftLeftBits(words, 16));
        Store(destination + stride, AndBits(words, CreateBits(unchecked((int)0xFFFF_0000))));
    }

    /// <summary>
    /// A block of 16 x 16 words, transposed: every row is loaded once and whole, four at a time are transposed within lanes of 128 bits, then lanes change places between the groups.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadTransposed(
        byte* source, nint stride,
        out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2, out Vector512<float> a3,
        out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2, out Vector512<float> b3,
        out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2, out Vector512<float> c3,
        out Vector512<float> d0, out Vector512<float> d1, out Vector512<float> d2, out Vector512<float> d3)
    {
        TransposeLanes(source, stride, out a0, out a1, out a2, out a3);
        TransposeLanes(source + 4 * stride, stride, out b0, out b1, out b2, out b3);
        TransposeLanes(source + 8 * stride, stride, out c0, out c1, out c2, out c3);
        TransposeLanes(source + 12 * stride, stride, out d0, out d1, out d2, out d3);
        GatherLanes(ref a0, ref b0, ref c0, ref d0);
        GatherLanes(ref a1, ref b1, ref c1, ref d1);
        GatherLanes(ref a2, ref b2, ref c2, ref d2);
        GatherLanes(ref a3, ref b3, ref c3, ref d3);
    }

    /// <summary>Four rows; lane l of the result J holds element 4 * l + J of each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeLanes(byte* source, nint stride, out Vector512<float> result0, out Vector512<float> result1, out Vector512<float> result2, out Vector512<float> result3)
    {
        Vector512<float> row0 = Avx512F.LoadVector512((float*)source);
        Vector512<float> row1 = Avx512F.LoadVector512((float*)(source + stride));
        Vector512<float> row2 = Avx512F.LoadVector512((float*)(source + 2 * stride));
        Vector512<float> row3 = Avx512F.LoadVector512((float*)(source + 3 * stride));
        // Within a lane: low01 = a0 b0 a1 b1, high01 = a2 b2 a3 b3 of rows 0 and 1.
        Vector512<double> low01 = Avx512F.UnpackLow(row0, row1).AsDouble();
        Vector512<double> high01 = Avx512F.UnpackHigh(row0, row1).AsDouble();
        Vector512<double> low23 = Avx512F.UnpackLow(row2, row3).AsDouble();
        Vector512<double> high23 = Avx512F.UnpackHigh(row2, row3).AsDouble();
        result0 = Avx512F.UnpackLow(low01, low23).AsSingle();
        result1 = Avx512F.UnpackHigh(low01, low23).AsSingle();
        result2 = Avx512F.UnpackLow(high01, high23).AsSingle();
        result3 = Avx512F.UnpackHigh(high01, high23).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddColumns(float* sums, float* factors, byte* source, nint stride)
    {
        Vector512<float> sum = Load(sums);
        LoadTransposed(source, stride,
            out var a0, out var a1, out var a2, out var a3, out var b0, out var b1, out var b2, out var b3,
            out var c0, out var c1, out var c2, out var c3, out var d0, out var d1, out var d2, out var d3);
        sum = FusedMultiplyAdd(Broadcast(factors), a0, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 1), a1, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 2), a2, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 3), a3, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 4), b0, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 5), b1, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 6), b2, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 7), b3, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 8), c0, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 9), c1, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 10), c2, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 11), c3, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 12), d0, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 13), d1, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 14), d2, sum);
        sum = FusedMultiplyAdd(Broadcast(factors + 15), d3, sum);
        Store(sums, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddRoundedColumns(float* sums, float* factors, byte* source, nint stride)
    {
        Vector512<float> sum = Load(sums);
        LoadTransposed(source, stride,
            out var a0, out var a1, out var a2, out var a3, out var b0, out var b1, out var b2, out var b3,
            out var c0, out var c1, out var c2, out var c3, out var d0, out var d1, out var d2, out var d3);
        sum = AddPair(sum, factors, a0);
        sum = AddPair(sum, factors + 2, a1);
        sum = AddPair(sum, factors + 4, a2);
        sum = AddPair(sum, factors + 6, a3);
        sum = AddPair(sum, factors + 8, b0);
        sum = AddPair(sum, factors + 10, b1);
        sum = AddPair(sum, factors + 12, b2);
        sum = AddPair(sum, factors + 14, b3);
        sum = AddPair(sum, factors + 16, c0);
        sum = AddPair(sum, factors + 18, c1);
        sum = AddPair(sum, factors + 20, c2);
        sum = AddPair(sum, factors + 22, c3);
        sum = AddPair(sum, factors + 24, d0);
        sum = AddPair(sum, factors + 26, d1);
        sum = AddPair(sum, factors + 28, d2);
        sum = AddPair(sum, factors + 30, d3);
        Store(sums, sum);
    }

    /// <summary>The neighbors of <see cref="StorePair"/>, times two factors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> AddPair(Vector512<float> sum, float* factors, Vector512<float> words)
    {
        sum = FusedMultiplyAdd(Broadcast(factors), ShiftLeftBits(words, 16), sum);
        return FusedMultiplyAdd(Broadcast(factors + 1), AndBits(words, CreateBits(unchecked((int)0xFFFF_0000))), sum);
    }

    /// <summary>Four vectors of four lanes of 128 bits, transposed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void GatherLanes(ref Vector512<float> a, ref Vector512<float> b, ref Vector512<float> c, ref Vector512<float> d)
    {
        Vector512<float> low0 = Avx512F.Shuffle4x128(a, b, 0x44);
        Vector512<float> low1 = Avx512F.Shuffle4x128(c, d, 0x44);
        Vector512<float> high0 = Avx512F.Shuffle4x128(a, b, 0xEE);
        Vector512<float> high1 = Avx512F.Shuffle4x128(c, d, 0xEE);
        a = Avx512F.Shuffle4x128(low0, low1, 0x88);
        b = Avx512F.Shuffle4x128(low0, low1, 0xDD);
        c = Avx512F.Shuffle4x128(high0, high1, 0x88);
        d = Avx512F.Shuffle4x128(high0, high1, 0xDD);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Mask(int count) =>
        Avx512F.CompareGreaterThan(Vector512.Create(count), Vector512.Create(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)).AsSingle();
}
