using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Sophia.Native;

/// <summary>One element of <see cref="ElementType.BFloat16"/>: sign, 8 bits of exponent and 7 of mantissa, the upper half of a binary32.</summary>
/// <param name="Bits">The 16 bits.</param>
public readonly record struct BFloat16(ushort Bits)
{
    /// <summary>The largest relative error of rounding to nearest, 2^-8: half the distance from 1 to the next value.</summary>
    public const double UnitRoundoff = 1.0 / 256;

    /// <summary>Rounds to nearest, ties to even; beyond the largest value to infinity. A NaN stays the NaN it was; one whose payload lies only in the half cut off becomes a quiet one.</summary>
    /// <param name="value">Any value.</param>
    public static explicit operator BFloat16(float value) => new((ushort)Round(Vector256.CreateScalar(BitConverter.SingleToUInt32Bits(value))).ToScalar());

    /// <summary>The same value as binary32, exactly.</summary>
    /// <param name="value">Any value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator float(BFloat16 value) => BitConverter.UInt32BitsToSingle((uint)value.Bits << 16);

    /// <summary>Rounds every value as the conversion of one does.</summary>
    /// <param name="source">Any values.</param>
    /// <param name="destination">At least as many elements, the first of them overwritten.</param>
    public static void Round(ReadOnlySpan<float> source, Span<BFloat16> destination)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, source.Length);
        var i = 0;
        ref var from = ref MemoryMarshal.GetReference(MemoryMarshal.Cast<float, uint>(source));
        ref var to = ref MemoryMarshal.GetReference(MemoryMarshal.Cast<BFloat16, ushort>(destination));
        for (; i <= source.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
        {
            var lower = Round(Vector256.LoadUnsafe(ref from, (nuint)i));
            var upper = Round(Vector256.LoadUnsafe(ref from, (nuint)(i + Vector256<uint>.Count)));
            Vector256.Narrow(lower, upper).StoreUnsafe(ref to, (nuint)i);
        }
        for (; i < source.Length; i++)
            destination[i] = (BFloat16)source[i];
    }

    /// <summary>Widens every value, exactly.</summary>
    /// <param name="source">Any values.</param>
    /// <param name="destination">At least as many elements, the first of them overwritten.</param>
    public static void Widen(ReadOnlySpan<BFloat16> source, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, source.Length);
        var i = 0;
        ref var from = ref MemoryMarshal.GetReference(MemoryMarshal.Cast<BFloat16, ushort>(source));
        ref var to = ref MemoryMarshal.GetReference(destination);
        for (; i <= source.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
        {
            var (lower, upper) = Vector256.Widen(Vector256.LoadUnsafe(ref from, (nuint)i));
            (lower << 16).AsSingle().StoreUnsafe(ref to, (nuint)i);
            (upper << 16).AsSingle().StoreUnsafe(ref to, (nuint)(i + Vector256<uint>.Count));
        }
        for (; i < source.Length; i++)
            destination[i] = source[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Round(Vector256<uint> bits)
    {
        var upper = bits >> 16;
        var rounded = (bits + Vector256.Create(0x7FFFu) + (upper & Vector256<uint>.One)) >> 16;
        var isNaN = Vector256.GreaterThan(bits & Vector256.Create(0x7FFF_FFFFu), Vector256.Create(0x7F80_0000u));
        var losesPayload = Vector256.Equals(upper & Vector256.Create(0x7Fu), Vector256<uint>.Zero);
        return Vector256.ConditionalSelect(isNaN, upper | (losesPayload & Vector256.Create(0x40u)), rounded);
    }
}
