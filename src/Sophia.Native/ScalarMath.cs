namespace Sophia.Native;

/// <summary>
/// Exponential, logarithm, error function and logistic function of one number: the polynomials of <see cref="Cpu.VectorMath{TSimd, TVector}"/>, operation for operation, so the same bits, in arithmetic that a
/// compiler of C# kernels understands. What a formula of the engine calls so runs unchanged inside a kernel.
/// </summary>
internal static class ScalarMath
{
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    /// <summary>e^x. NaN stays NaN; 0 below -87.3365; infinity above 88.72284.</summary>
    public static float Exp(float x)
    {
        var result = ExpInRange(x);
        result = x < -87.3365f ? 0f : result;
        result = x > 88.72284f ? float.PositiveInfinity : result;
        return float.IsNaN(x) ? x : result;
    }

    /// <summary>ln x. Minus infinity at 0, NaN below 0, infinity at infinity; subnormal numbers are exact arguments like any other.</summary>
    public static float Log(float x)
    {
        var isTiny = x < 1.17549435e-38f;
        var scaled = isTiny ? x * 33554432f : x;
        // x = 2^e * m with m in [sqrt(1/2), sqrt(2)): the exponent is read relative to the bits of sqrt(1/2).
        var bits = BitConverter.SingleToInt32Bits(scaled);
        var exponentBits = (bits - 0x3f3504f3) & unchecked((int)0xff800000);
        var m = BitConverter.Int32BitsToSingle(bits - exponentBits);
        var e = exponentBits * 1.1920929e-7f - (isTiny ? 25f : 0f);
        var f = m - 1f;
        var square = f * f;
        var p = 0.06746642291545868f;
        p = MathF.FusedMultiplyAdd(p, f, -0.11675652116537094f);
        p = MathF.FusedMultiplyAdd(p, f, 0.11888162046670914f);
        p = MathF.FusedMultiplyAdd(p, f, -0.1240558847784996f);
        p = MathF.FusedMultiplyAdd(p, f, 0.14219552278518677f);
        p = MathF.FusedMultiplyAdd(p, f, -0.1666799634695053f);
        p = MathF.FusedMultiplyAdd(p, f, 0.2000211924314499f);
        p = MathF.FusedMultiplyAdd(p, f, -0.25000008940696716f);
        p = MathF.FusedMultiplyAdd(p, f, 0.3333331346511841f);
        var tail = square * f * p;
        tail = MathF.FusedMultiplyAdd(e, Ln2Low, tail);
        tail = MathF.FusedMultiplyAdd(square, -0.5f, tail);
        var result = MathF.FusedMultiplyAdd(e, Ln2High, f + tail);
        result = x < float.PositiveInfinity ? result : x;
        result = x < 0f ? float.NaN : result;
        return x == 0f ? float.NegativeInfinity : result;
    }

    /// <summary>2/sqrt(pi) * integral of exp(-t^2) from 0 to x. Odd, exactly 1 from 4 on; NaN stays NaN.</summary>
    public static float Erf(float x)
    {
        var magnitude = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(x) & int.MaxValue);
        var s = x * x;
        var p = 8.397804776905105e-05f;
        p = MathF.FusedMultiplyAdd(p, s, -0.0008149808272719383f);
        p = MathF.FusedMultiplyAdd(p, s, 0.0052017164416611195f);
        p = MathF.FusedMultiplyAdd(p, s, -0.026859702542424202f);
        p = MathF.FusedMultiplyAdd(p, s, 0.11283701658248901f);
        p = MathF.FusedMultiplyAdd(p, s, -0.37612634897232056f);
        p = MathF.FusedMultiplyAdd(p, s, 0.12837916612625122f);
        var near = MathF.FusedMultiplyAdd(x, p, x);
        var a = magnitude < 4f ? magnitude : 4f;
        var q = -0.0001947335695149377f;
        q = MathF.FusedMultiplyAdd(q, a, 0.0030315921176224947f);
        q = MathF.FusedMultiplyAdd(q, a, -0.02218136563897133f);
        q = MathF.FusedMultiplyAdd(q, a, 0.10383883863687515f);
        q = MathF.FusedMultiplyAdd(q, a, 0.6372858285903931f);
        q = MathF.FusedMultiplyAdd(q, a, 1.1276154518127441f);
        q = MathF.FusedMultiplyAdd(q, a, 0.00020992322242818773f);
        var far = 1f - ExpInRange(-q);
        far = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(far) | (BitConverter.SingleToInt32Bits(x) & int.MinValue));
        return magnitude > 0.921875f ? far : near;
    }

    /// <summary>1 / (1 + e^-x).</summary>
    public static float Sigmoid(float x) => 1f / (1f + Exp(-x));

    /// <summary>e^x for x between -87.3365 and 88.72284; anything elsewhere.</summary>
    private static float ExpInRange(float x)
    {
        // x = n ln 2 + r: adding 1.5 * 2^23 rounds to a whole number and leaves n in the low bits.
        const float magic = 12582912f;
        var shifted = MathF.FusedMultiplyAdd(x, 1.44269504f, magic);
        var n = shifted - magic;
        var r = MathF.FusedMultiplyAdd(n, -Ln2High, x);
        r = MathF.FusedMultiplyAdd(n, -Ln2Low, r);
        var q = 0.001381422160193324f;
        q = MathF.FusedMultiplyAdd(q, r, 0.00836889911442995f);
        q = MathF.FusedMultiplyAdd(q, r, 0.04166840389370918f);
        q = MathF.FusedMultiplyAdd(q, r, 0.1666651964187622f);
        q = MathF.FusedMultiplyAdd(q, r, 0.4999999403953552f);
        q = MathF.FusedMultiplyAdd(r * r, q, r);
        return BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(q + 1f) + (BitConverter.SingleToInt32Bits(shifted) << 23));
    }
}
