using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>
/// Exponential, logarithm, error function and logistic function on vectors: own polynomials (minimax fits by the Remez
/// exchange), the same operations for every lane and on every path. So a value's result depends neither on its position
/// nor on the vector width nor on the operating system, and the scalar entry points, which run the vector code on a
/// broadcast, give the same bits.
/// </summary>
internal static class VectorMath<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    /// <summary>Below the logarithm of the smallest normal float the exponential is exactly 0: subnormal results would be slow and are of no use.</summary>
    public const float ExpUnderflow = -87.3365f;

    /// <summary>Above the logarithm of the largest float the exponential is infinite.</summary>
    public const float ExpOverflow = 88.72284f;

    // ln 2 in two parts; the first has ten significant bits, so that its product with an exponent is exact.
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    /// <summary>e^x. NaN stays NaN; 0 below <see cref="ExpUnderflow"/>; +infinity above <see cref="ExpOverflow"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp(TVector x)
    {
        TVector result = ExpInRange(x);
        result = TSimd.Select(TSimd.LessThan(x, TSimd.Create(ExpUnderflow)), TSimd.Zero, result);
        result = TSimd.Select(TSimd.GreaterThan(x, TSimd.Create(ExpOverflow)), TSimd.Create(float.PositiveInfinity), result);
        return TSimd.Select(TSimd.Equal(x, x), result, x);
    }

    /// <summary>ln x. -infinity at 0, NaN below 0, +infinity at +infinity; subnormal numbers are exact arguments like any other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Log(TVector x)
    {
        // Subnormals are first made normal by 2^25.
        TVector tiny = TSimd.LessThan(x, TSimd.Create(1.17549435e-38f));
        TVector scaled = TSimd.Select(tiny, TSimd.Multiply(x, TSimd.Create(33554432f)), x);
        // x = 2^e * m with m in [sqrt(1/2), sqrt(2)): the exponent is read relative to the bits of sqrt(1/2).
        TVector offset = TSimd.SubtractBits(scaled, TSimd.CreateBits(0x3f3504f3));
        TVector exponentBits = TSimd.AndBits(offset, TSimd.CreateBits(unchecked((int)0xff800000)));
        TVector m = TSimd.SubtractBits(scaled, exponentBits);
        // Multiplying by 2^-23 turns the integer e * 2^23 into e, exactly.
        TVector e = TSimd.Multiply(TSimd.ConvertIntegerBitsToSingle(exponentBits), TSimd.Create(1.1920929e-7f));
        e = TSimd.Subtract(e, TSimd.Select(tiny, TSimd.Create(25f), TSimd.Zero));

        // ln(1 + f) = f - f^2 / 2 + f^3 P(f)
        TVector f = TSimd.Subtract(m, TSimd.Create(1f));
        TVector square = TSimd.Multiply(f, f);
        TVector p = TSimd.Create(0.06746642291545868f);
        p = TSimd.FusedMultiplyAdd(p, f, TSimd.Create(-0.11675652116537094f));
        p = TSimd.FusedMultiplyAdd(p, f, TSimd.Create(0.11888162046670914f));
        p = TSimd.FusedMultiplyAdd(p, f, TSimd.Create(-0.1240558847784996f));
        p = TSimd.FusedMultiplyAdd(p, f, TSimd.Create(0.14219552278518677f));
        p = TSimd.FusedMultiplyAdd(p, f, TSimd.Create(-0.1666799634695053f));
        p = TSimd.FusedMultiplyAdd(p, f, TSimd.Create(0.2000211924314499f));
        p = TSimd.FusedMultiplyAdd(p, f, TSimd.Create(-0.25000008940696716f));
        p = TSimd.FusedMultiplyAdd(p, f, TSimd.Create(0.3333331346511841f));
        TVector tail = TSimd.Multiply(TSimd.Multiply(square, f), p);
        tail = TSimd.FusedMultiplyAdd(e, TSimd.Create(Ln2Low), tail);
        tail = TSimd.FusedMultiplyAdd(square, TSimd.Create(-0.5f), tail);
        TVector result = TSimd.FusedMultiplyAdd(e, TSimd.Create(Ln2High), TSimd.Add(f, tail));

        TVector infinity = TSimd.Create(float.PositiveInfinity);
        result = TSimd.Select(TSimd.LessThan(x, infinity), result, x);
        result = TSimd.Select(TSimd.LessThan(x, TSimd.Zero), TSimd.Create(float.NaN), result);
        return TSimd.Select(TSimd.Equal(x, TSimd.Zero), TSimd.Create(float.NegativeInfinity), result);
    }

    /// <summary>erf x = 2/sqrt(pi) * integral of exp(-t^2) from 0 to x. Odd, exactly 1 from 4 on; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Erf(TVector x)
    {
        TVector magnitude = TSimd.Abs(x);

        // |x| < 0.921875: x + x P(x^2)
        TVector s = TSimd.Multiply(x, x);
        TVector p = TSimd.Create(8.397804776905105e-05f);
        p = TSimd.FusedMultiplyAdd(p, s, TSimd.Create(-0.0008149808272719383f));
        p = TSimd.FusedMultiplyAdd(p, s, TSimd.Create(0.0052017164416611195f));
        p = TSimd.FusedMultiplyAdd(p, s, TSimd.Create(-0.026859702542424202f));
        p = TSimd.FusedMultiplyAdd(p, s, TSimd.Create(0.11283701658248901f));
        p = TSimd.FusedMultiplyAdd(p, s, TSimd.Create(-0.37612634897232056f));
        p = TSimd.FusedMultiplyAdd(p, s, TSimd.Create(0.12837916612625122f));
        TVector small = TSimd.FusedMultiplyAdd(x, p, x);

        // Otherwise 1 - exp(-Q(|x|)), Q = -ln erfc. Max returns its second operand for NaN; the small branch keeps it.
        TVector a = TSimd.Min(magnitude, TSimd.Create(4f));
        TVector q = TSimd.Create(-0.0001947335695149377f);
        q = TSimd.FusedMultiplyAdd(q, a, TSimd.Create(0.0030315921176224947f));
        q = TSimd.FusedMultiplyAdd(q, a, TSimd.Create(-0.02218136563897133f));
        q = TSimd.FusedMultiplyAdd(q, a, TSimd.Create(0.10383883863687515f));
        q = TSimd.FusedMultiplyAdd(q, a, TSimd.Create(0.6372858285903931f));
        q = TSimd.FusedMultiplyAdd(q, a, TSimd.Create(1.1276154518127441f));
        q = TSimd.FusedMultiplyAdd(q, a, TSimd.Create(0.00020992322242818773f));
        TVector large = TSimd.Subtract(TSimd.Create(1f), ExpInRange(TSimd.Negate(q)));
        TVector sign = TSimd.AndBits(x, TSimd.CreateBits(int.MinValue));
        large = TSimd.OrBits(large, sign);
        return TSimd.Select(TSimd.GreaterThan(magnitude, TSimd.Create(0.921875f)), large, small);
    }

    /// <summary>1 / (1 + e^-x). 0 below about -88.7, 1 from about 17 on; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sigmoid(TVector x)
    {
        TVector one = TSimd.Create(1f);
        return TSimd.Divide(one, TSimd.Add(one, Exp(TSimd.Negate(x))));
    }

    /// <summary><see cref="Exp(TVector)"/> of one number, the same bits.</summary>
    public static float Exp(float x) => TSimd.ToScalar(Exp(TSimd.Create(x)));

    /// <summary><see cref="Log(TVector)"/> of one number, the same bits.</summary>
    public static float Log(float x) => TSimd.ToScalar(Log(TSimd.Create(x)));

    /// <summary><see cref="Erf(TVector)"/> of one number, the same bits.</summary>
    public static float Erf(float x) => TSimd.ToScalar(Erf(TSimd.Create(x)));

    /// <summary><see cref="Sigmoid(TVector)"/> of one number, the same bits.</summary>
    public static float Sigmoid(float x) => TSimd.ToScalar(Sigmoid(TSimd.Create(x)));

    /// <summary>e^x for x between <see cref="ExpUnderflow"/> and <see cref="ExpOverflow"/>; anything elsewhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector ExpInRange(TVector x)
    {
        // x = n ln 2 + r: adding 1.5 * 2^23 rounds to a whole number and leaves n in the low bits.
        TVector magic = TSimd.Create(12582912f);
        TVector shifted = TSimd.FusedMultiplyAdd(x, TSimd.Create(1.44269504f), magic);
        TVector n = TSimd.Subtract(shifted, magic);
        TVector r = TSimd.FusedMultiplyAdd(n, TSimd.Create(-Ln2High), x);
        r = TSimd.FusedMultiplyAdd(n, TSimd.Create(-Ln2Low), r);

        // e^r = 1 + r + r^2 Q(r) on |r| <= ln(2) / 2
        TVector q = TSimd.Create(0.001381422160193324f);
        q = TSimd.FusedMultiplyAdd(q, r, TSimd.Create(0.00836889911442995f));
        q = TSimd.FusedMultiplyAdd(q, r, TSimd.Create(0.04166840389370918f));
        q = TSimd.FusedMultiplyAdd(q, r, TSimd.Create(0.1666651964187622f));
        q = TSimd.FusedMultiplyAdd(q, r, TSimd.Create(0.4999999403953552f));
        q = TSimd.FusedMultiplyAdd(TSimd.Multiply(r, r), q, r);
        TVector p = TSimd.Add(q, TSimd.Create(1f));

        // Adding n to the exponent bits multiplies by 2^n; 128 at the top is fine, since p is then below 1.
        return TSimd.AddBits(p, TSimd.ShiftLeftBits(shifted, 23));
    }
}
