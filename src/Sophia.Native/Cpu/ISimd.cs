using System.Diagnostics.CodeAnalysis;

namespace Sophia.Native.Cpu;

/// <summary>
/// One width of single-precision vectors. Operations are written once over this interface and specialized by the
/// compiler for <see cref="Simd512"/> and <see cref="Simd256"/>; both give the same bits for every elementwise member.
/// Integer members treat the lanes as 32-bit patterns. Masks have all bits of a lane set or none.
/// </summary>
/// <typeparam name="TVector">The vector type.</typeparam>
internal unsafe interface ISimd<TVector>
    where TVector : struct
{
    /// <summary>The instruction-set path this width belongs to.</summary>
    static abstract CpuPath Path { get; }

    /// <summary>Lanes of a vector.</summary>
    static abstract int Width { get; }

    static abstract TVector Zero { get; }

    /// <summary>Loads <see cref="Width"/> floats; no alignment is needed.</summary>
    static abstract TVector Load(float* source);

    /// <summary>Loads <see cref="Width"/> BFloat16 and widens them; no alignment is needed.</summary>
    static abstract TVector Load(BFloat16* source);

    static abstract void Store(float* destination, TVector value);

    /// <summary>Loads the first <paramref name="count"/> lanes (0 to <see cref="Width"/>) and sets the others to zero; memory beyond is not touched.</summary>
    static abstract TVector LoadPartial(float* source, int count);

    /// <summary>Stores the first <paramref name="count"/> lanes (0 to <see cref="Width"/>); memory beyond is not touched.</summary>
    static abstract void StorePartial(float* destination, TVector value, int count);

    /// <summary>All lanes set to <paramref name="value"/>.</summary>
    static abstract TVector Create(float value);

    /// <summary>All lanes set to *<paramref name="source"/>, by a broadcasting load.</summary>
    static abstract TVector Broadcast(float* source);

    /// <summary>All lanes set to the bit pattern <paramref name="bits"/>.</summary>
    static abstract TVector CreateBits(int bits);

    /// <summary>Lane 0.</summary>
    static abstract float ToScalar(TVector value);

    static abstract TVector Add(TVector left, TVector right);

    static abstract TVector Subtract(TVector left, TVector right);

    static abstract TVector Multiply(TVector left, TVector right);

    static abstract TVector Divide(TVector left, TVector right);

    /// <summary>left * right + addend with one rounding, on every path.</summary>
    static abstract TVector FusedMultiplyAdd(TVector left, TVector right, TVector addend);

    /// <summary>addend - left * right with one rounding, on every path.</summary>
    static abstract TVector FusedNegatedMultiplyAdd(TVector left, TVector right, TVector addend);

    /// <summary>left &gt; right ? left : right; so the right operand where either is NaN and for zeros of either sign.</summary>
    static abstract TVector Max(TVector left, TVector right);

    /// <summary>left &lt; right ? left : right; so the right operand where either is NaN and for zeros of either sign.</summary>
    static abstract TVector Min(TVector left, TVector right);

    static abstract TVector Abs(TVector value);

    static abstract TVector Negate(TVector value);

    static abstract TVector Sqrt(TVector value);

    /// <summary>To the nearest whole number, ties to even.</summary>
    static abstract TVector Round(TVector value);

    static abstract TVector Floor(TVector value);

    /// <summary>A mask; false where either is NaN.</summary>
    static abstract TVector LessThan(TVector left, TVector right);

    /// <summary>A mask; false where either is NaN.</summary>
    static abstract TVector LessThanOrEqual(TVector left, TVector right);

    /// <summary>A mask; false where either is NaN.</summary>
    static abstract TVector GreaterThan(TVector left, TVector right);

    /// <summary>A mask; false where either is NaN.</summary>
    static abstract TVector Equal(TVector left, TVector right);

    /// <summary>mask ? whenTrue : whenFalse, per lane.</summary>
    static abstract TVector Select(TVector mask, TVector whenTrue, TVector whenFalse);

    static abstract TVector AndBits(TVector left, TVector right);

    static abstract TVector OrBits(TVector left, TVector right);

    static abstract TVector XorBits(TVector left, TVector right);

    static abstract TVector AddBits(TVector left, TVector right);

    static abstract TVector SubtractBits(TVector left, TVector right);

    static abstract TVector ShiftLeftBits(TVector value, [ConstantExpected] byte count);

    /// <summary>Logical shift: zeros come in from the left.</summary>
    static abstract TVector ShiftRightBits(TVector value, [ConstantExpected] byte count);

    /// <summary>The 64-bit products of the unsigned integers in the even lanes: the lower half in the even lane, the upper half in the odd lane behind it.</summary>
    static abstract TVector MultiplyEvenBits(TVector left, TVector right);

    /// <summary>The odd lanes moved to the even lanes before them; zeros in the odd lanes.</summary>
    static abstract TVector OddToEvenBits(TVector value);

    /// <summary>The lanes of each group of four in reverse order.</summary>
    static abstract TVector ReverseFours(TVector value);

    /// <summary>Each lane's signed 32-bit integer as a float.</summary>
    static abstract TVector ConvertIntegerBitsToSingle(TVector bits);

    /// <summary>
    /// The sum over lanes in a fixed order: halves are folded, the upper half added to the lower
    /// (lane i + lane i + Width/2), until one lane is left.
    /// </summary>
    static abstract float Sum(TVector value);

    /// <summary>The largest lane, folded in the order of <see cref="Sum"/> with <see cref="Max"/>(lower, upper).</summary>
    static abstract float MaxAcross(TVector value);

    /// <summary>
    /// Transposes a <see cref="Width"/> x <see cref="Width"/> block: destination[j * destinationStride + i] = source[i * sourceStride + j].
    /// The blocks must not overlap.
    /// </summary>
    static abstract void Transpose(float* source, nint sourceStride, float* destination, nint destinationStride);

    /// <summary>The same with any words of 32 bits, the rows <paramref name="sourceStride"/> bytes apart.</summary>
    static abstract void Transpose(byte* source, nint sourceStride, float* destination, nint destinationStride);

    /// <summary>The same with rows of BFloat16, which are widened: a vector's bytes of them, so twice as many rows of the destination.</summary>
    static abstract void TransposeRounded(byte* source, nint sourceStride, float* destination, nint destinationStride);

    /// <summary>
    /// Adds factors[0] * column 0, factors[1] * column 1 and so on to a vector of sums, one multiply-add after the other. Lane r of a column is an element of the row at source + r * stride bytes,
    /// of which a vector's bytes are taken.
    /// </summary>
    static abstract void AddColumns(float* sums, float* factors, byte* source, nint stride);

    /// <summary>The same with rows of BFloat16, which hold twice as many columns.</summary>
    static abstract void AddRoundedColumns(float* sums, float* factors, byte* source, nint stride);
}
