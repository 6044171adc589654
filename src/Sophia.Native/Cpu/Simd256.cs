using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sophia.Native.Cpu;

/// <summary>
/// Eight lanes through the portable vector API: AVX2 with FMA on x64, two 128-bit vectors on ARM, and correct (through
/// the scalar fallbacks of the runtime, fused multiply-add included) anywhere else.
/// </summary>
internal readonly unsafe struct Simd256 : ISimd<Vector256<float>>
{
    public static CpuPath Path => CpuPath.Portable;

    public static int Width
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8;
    }

    public static Vector256<float> Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector256<float>.Zero;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(BFloat16* source) =>
        Vector256.ShiftLeft(Vector256.Create(Vector128.WidenLower(Vector128.Load((ushort*)source)), Vector128.WidenUpper(Vector128.Load((ushort*)source))), 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Vector256<float> value) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadPartial(float* source, int count)
    {
        if (Avx.IsSupported)
            return Avx.MaskLoad(source, Mask(count));
        Vector256<float> value = default;
        for (int lane = 0; lane < count; lane++)
            Unsafe.Add(ref Unsafe.As<Vector256<float>, float>(ref value), lane) = source[lane];
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePartial(float* destination, Vector256<float> value, int count)
    {
        if (Avx.IsSupported)
        {
            Avx.MaskStore(destination, Mask(count), value);
            return;
        }
        for (int lane = 0; lane < count; lane++)
            destination[lane] = Unsafe.Add(ref Unsafe.As<Vector256<float>, float>(ref value), lane);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Create(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(float* source) => Avx.IsSupported ? Avx.BroadcastScalarToVector256(source) : Vector256.Create(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> CreateBits(int bits) => Vector256.Create(bits).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToScalar(Vector256<float> value) => value.ToScalar();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> left, Vector256<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> left, Vector256<float> right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> left, Vector256<float> right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Divide(Vector256<float> left, Vector256<float> right) => left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> FusedMultiplyAdd(Vector256<float> left, Vector256<float> right, Vector256<float> addend) => Vector256.FusedMultiplyAdd(left, right, addend);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> FusedNegatedMultiplyAdd(Vector256<float> left, Vector256<float> right, Vector256<float> addend) => Vector256.FusedMultiplyAdd(-left, right, addend);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Max(Vector256<float> left, Vector256<float> right) =>
        Avx.IsSupported ? Avx.Max(left, right) : Vector256.ConditionalSelect(Vector256.GreaterThan(left, right), left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Min(Vector256<float> left, Vector256<float> right) =>
        Avx.IsSupported ? Avx.Min(left, right) : Vector256.ConditionalSelect(Vector256.LessThan(left, right), left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Abs(Vector256<float> value) => (value.AsInt32() & Vector256.Create(int.MaxValue)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Negate(Vector256<float> value) => (value.AsInt32() ^ Vector256.Create(int.MinValue)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Sqrt(Vector256<float> value) => Vector256.Sqrt(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Round(Vector256<float> value) => Vector256.Round(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Floor(Vector256<float> value) => Vector256.Floor(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LessThan(Vector256<float> left, Vector256<float> right) => Vector256.LessThan(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LessThanOrEqual(Vector256<float> left, Vector256<float> right) => Vector256.LessThanOrEqual(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> GreaterThan(Vector256<float> left, Vector256<float> right) => Vector256.GreaterThan(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Equal(Vector256<float> left, Vector256<float> right) => Vector256.Equals(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Select(Vector256<float> mask, Vector256<float> whenTrue, Vector256<float> whenFalse) => Vector256.ConditionalSelect(mask, whenTrue, whenFalse);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> AndBits(Vector256<float> left, Vector256<float> right) => (left.AsInt32() & right.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> OrBits(Vector256<float> left, Vector256<float> right) => (left.AsInt32() | right.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> XorBits(Vector256<float> left, Vector256<float> right) => (left.AsInt32() ^ right.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> AddBits(Vector256<float> left, Vector256<float> right) => (left.AsInt32() + right.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SubtractBits(Vector256<float> left, Vector256<float> right) => (left.AsInt32() - right.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ShiftLeftBits(Vector256<float> value, [ConstantExpected] byte count) => Vector256.ShiftLeft(value.AsInt32(), count).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ShiftRightBits(Vector256<float> value, [ConstantExpected] byte count) => Vector256.ShiftRightLogical(value.AsInt32(), count).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyEvenBits(Vector256<float> left, Vector256<float> right)
    {
        if (Avx2.IsSupported)
            return Avx2.Multiply(left.AsUInt32(), right.AsUInt32()).AsSingle();
        Vector256<ulong> lower = Vector256.Create((ulong)uint.MaxValue);
        return ((left.AsUInt64() & lower) * (right.AsUInt64() & lower)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> OddToEvenBits(Vector256<float> value) => Vector256.ShiftRightLogical(value.AsUInt64(), 32).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ReverseFours(Vector256<float> value) => Vector256.Shuffle(value, Vector256.Create(3, 2, 1, 0, 7, 6, 5, 4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ConvertIntegerBitsToSingle(Vector256<float> bits) => Vector256.ConvertToSingle(bits.AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> value)
    {
        Vector128<float> four = value.GetLower() + value.GetUpper();
        Vector128<float> two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1));
        return two.ToScalar() + two.GetElement(1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxAcross(Vector256<float> value)
    {
        Vector128<float> four = MaxOf(value.GetLower(), value.GetUpper());
        Vector128<float> two = MaxOf(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return MaxOf(two, Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    /// <summary>Loads four adjacent words of eight rows: lane r of columnJ is word J of the row at source + r * stride bytes. Two lanes of 128 bits: rows r and r + 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadColumns(byte* source, nint stride, out Vector256<float> column0, out Vector256<float> column1, out Vector256<float> column2, out Vector256<float> column3)
    {
        nint stride4 = 4 * stride;
        Vector256<float> rows0 = GatherLanes(source, stride4);
        Vector256<float> rows1 = GatherLanes(source + stride, stride4);
        Vector256<float> rows2 = GatherLanes(source + 2 * stride, stride4);
        Vector256<float> rows3 = GatherLanes(source + 3 * stride, stride4);
        if (Avx.IsSupported)
        {
            Vector256<double> low01 = Avx.UnpackLow(rows0, rows1).AsDouble();
            Vector256<double> high01 = Avx.UnpackHigh(rows0, rows1).AsDouble();
            Vector256<double> low23 = Avx.UnpackLow(rows2, rows3).AsDouble();
            Vector256<double> high23 = Avx.UnpackHigh(rows2, rows3).AsDouble();
            column0 = Avx.UnpackLow(low01, low23).AsSingle();
            column1 = Avx.UnpackHigh(low01, low23).AsSingle();
            column2 = Avx.UnpackLow(high01, high23).AsSingle();
            column3 = Avx.UnpackHigh(high01, high23).AsSingle();
        }
        else
        {
            column0 = Column(rows0, rows1, rows2, rows3, 0);
            column1 = Column(rows0, rows1, rows2, rows3, 1);
            column2 = Column(rows0, rows1, rows2, rows3, 2);
            column3 = Column(rows0, rows1, rows2, rows3, 3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(float* source, nint sourceStride, float* destination, nint destinationStride) =>
        Transpose((byte*)source, sourceStride * sizeof(float), destination, destinationStride);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(byte* source, nint sourceStride, float* destination, nint destinationStride)
    {
        for (int column = 0; column < 8; column += 4)
        {
            LoadColumns(source, sourceStride, out Vector256<float> column0, out Vector256<float> column1, out Vector256<float> column2, out Vector256<float> column3);
            column0.Store(destination);
            column1.Store(destination + destinationStride);
            column2.Store(destination + 2 * destinationStride);
            column3.Store(destination + 3 * destinationStride);
            source += 4 * sizeof(float);
            destination += 4 * destinationStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TransposeRounded(byte* source, nint sourceStride, float* destination, nint destinationStride)
    {
        for (int word = 0; word < 8; word += 4)
        {
            LoadColumns(source, sourceStride, out Vector256<float> words0, out Vector256<float> words1, out Vector256<float> words2, out Vector256<float> words3);
            StorePair(destination, destinationStride, words0);
            StorePair(destination + 2 * destinationStride, destinationStride, words1);
            StorePair(destination + 4 * destinationStride, destinationStride, words2);
            StorePair(destination + 6 * destinationStride, destinationStride, words3);
            source += 4 * sizeof(float);
            destination += 8 * destinationStride;
        }
    }

    /// <summary>Two neighbors share a word of 32 bits: the even one is its lower half, the odd one its upper half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePair(float* destination, nint stride, Vector256<float> words)
    {
        Store(destination, ShiftLeftBits(words, 16));
        Store(destination + stride, AndBits(words, CreateBits(unchecked((int)0xFFFF_0000))));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddColumns(float* sums, float* factors, byte* source, nint stride)
    {
        Vector256<float> sum = Load(sums);
        for (int column = 0; column < 8; column += 4)
        {
            LoadColumns(source, stride, out Vector256<float> column0, out Vector256<float> column1, out Vector256<float> column2, out Vector256<float> column3);
            sum = FusedMultiplyAdd(Broadcast(factors), column0, sum);
            sum = FusedMultiplyAdd(Broadcast(factors + 1), column1, sum);
            sum = FusedMultiplyAdd(Broadcast(factors + 2), column2, sum);
            sum = FusedMultiplyAdd(Broadcast(factors + 3), column3, sum);
            source += 4 * sizeof(float);
            factors += 4;
        }
        Store(sums, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddRoundedColumns(float* sums, float* factors, byte* source, nint stride)
    {
        Vector256<float> sum = Load(sums);
        for (int word = 0; word < 8; word += 4)
        {
            LoadColumns(source, stride, out Vector256<float> words0, out Vector256<float> words1, out Vector256<float> words2, out Vector256<float> words3);
            sum = AddPair(sum, factors, words0);
            sum = AddPair(sum, factors + 2, words1);
            sum = AddPair(sum, factors + 4, words2);
            sum = AddPair(sum, factors + 6, words3);
            source += 4 * sizeof(float);
            factors += 8;
        }
        Store(sums, sum);
    }

    /// <summary>The neighbors of <see cref="StorePair"/>, times two factors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> AddPair(Vector256<float> sum, float* factors, Vector256<float> words)
    {
        sum = FusedMultiplyAdd(Broadcast(factors), ShiftLeftBits(words, 16), sum);
        return FusedMultiplyAdd(Broadcast(factors + 1), AndBits(words, CreateBits(unchecked((int)0xFFFF_0000))), sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Column(Vector256<float> rows0, Vector256<float> rows1, Vector256<float> rows2, Vector256<float> rows3, int index) =>
        Vector256.Create(
            rows0.GetElement(index), rows1.GetElement(index), rows2.GetElement(index), rows3.GetElement(index),
            rows0.GetElement(index + 4), rows1.GetElement(index + 4), rows2.GetElement(index + 4), rows3.GetElement(index + 4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> GatherLanes(byte* source, nint stride) => Vector256.Create(Vector128.Load((float*)source), Vector128.Load((float*)(source + stride)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> MaxOf(Vector128<float> left, Vector128<float> right) =>
        Sse.IsSupported ? Sse.Max(left, right) : Vector128.ConditionalSelect(Vector128.GreaterThan(left, right), left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Mask(int count) =>
        Vector256.GreaterThan(Vector256.Create(count), Vector256.Create(0, 1, 2, 3, 4, 5, 6, 7)).AsSingle();
}
