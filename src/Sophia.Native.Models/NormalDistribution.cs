namespace Sophia.Native.Models;

/// <summary>
/// Normal random numbers from random words by the inverse of the distribution function: algorithm AS 241, PPND7 (M. J. Wichura: "The percentage points of the normal distribution",
/// Applied Statistics 37, 1988), whose relative error is about 1e-7. Every operation used is exactly defined by IEEE 754, the logarithm below included, so the numbers
/// are the same on every machine; those of the system's mathematical library would not be.
/// </summary>
public static class NormalDistribution
{
    private const double Sqrt2 = 1.4142135623730951;
    private const double Ln2 = 0.6931471805599453;

    /// <summary>The normal number of a uniform word: the quantile of (word + 1/2) / 2^32, between -6.3 and 6.3.</summary>
    /// <param name="word">A word of <see cref="Philox.Block"/>.</param>
    public static double FromWord(uint word) => Quantile((word + 0.5) * (1.0 / 4294967296.0));

    /// <summary>The point below which a share <paramref name="probability"/> of the standard normal distribution lies.</summary>
    /// <param name="probability">Strictly between 0 and 1.</param>
    public static double Quantile(double probability)
    {
        var centered = probability - 0.5;
        if (Math.Abs(centered) <= 0.425)
        {
            var square = 0.180625 - centered * centered;
            return centered * (((59.109374720 * square + 159.29113202) * square + 50.434271938) * square + 3.3871327179)
                / (((67.187563600 * square + 78.757757664) * square + 17.895169469) * square + 1.0);
        }
        var tail = Math.Sqrt(-Log(centered < 0 ? probability : 1.0 - probability));
        double value;
        if (tail <= 5)
        {
            tail -= 1.6;
            value = (((0.17023821103 * tail + 1.3067284816) * tail + 2.7568153900) * tail + 1.4234372777)
                / ((0.12021132975 * tail + 0.73700164250) * tail + 1.0);
        }
        else
        {
            tail -= 5;
            value = (((0.017337203997 * tail + 0.42868294337) * tail + 3.0812263860) * tail + 6.6579051150)
                / ((0.012258202635 * tail + 0.24197894225) * tail + 1.0);
        }
        return centered < 0 ? -value : value;
    }

    /// <summary>The natural logarithm of a positive normal number: 2 artanh((m - 1) / (m + 1)) of the mantissa, by its series, and the exponent.</summary>
    public static double Log(double value)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        var exponent = (int)(bits >> 52) - 1023;
        var mantissa = BitConverter.Int64BitsToDouble((bits & 0x000F_FFFF_FFFF_FFFF) | 0x3FF0_0000_0000_0000);
        if (mantissa > Sqrt2)
        {
            mantissa *= 0.5;
            exponent++;
        }
        var ratio = (mantissa - 1) / (mantissa + 1);
        var square = ratio * ratio;
        var series = 0.0;
        for (var power = 21; power >= 1; power -= 2) series = series * square + 1.0 / power;
        return exponent * Ln2 + 2 * ratio * series;
    }
}
