using System.Runtime.CompilerServices;

namespace Sophia.Native;

/// <summary>One element of <see cref="ElementType.BFloat16"/>: sign, 8 bits of exponent and 7 of mantissa, the upper half of a binary32.</summary>
/// <param name="Bits">The 16 bits.</param>
public readonly record struct BFloat16(ushort Bits)
{
    /// <summary>The largest relative error of rounding to nearest, 2^-8: half the distance from 1 to the next value.</summary>
    public const double UnitRoundoff = 1.0 / 256;

    /// <summary>Rounds to nearest, ties to even; beyond the largest value to infinity. A NaN becomes the quiet NaN of its sign.</summary>
    /// <param name="value">Any value.</param>
    public static explicit operator BFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return new((ushort)(float.IsNaN(value) ? (bits >> 16) | 0x7FC0u : (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16));
    }

    /// <summary>The same value as binary32, exactly.</summary>
    /// <param name="value">Any value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator float(BFloat16 value) => BitConverter.UInt32BitsToSingle((uint)value.Bits << 16);
}
