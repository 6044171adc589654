// exp, log, erf and the logistic function as our own polynomials: the formulas and constants of src/Sophia.Native/Cpu/VectorMath.cs, operation for operation, so that both backends give the same bits.
// Every product that is meant to be fused is an fmaf; nothing else is contracted.
#pragma once

#include "portable.cuh"

constexpr float LN2_HIGH = 0.693359375f;
constexpr float LN2_LOW = -2.12194440e-4f;

/// e^x for x between -87.3365 and 88.72284; anything elsewhere.
DEVICE float exponential_in_range(float x)
{
    // x = n ln 2 + r: adding 1.5 * 2^23 rounds to a whole number and leaves n in the low bits.
    const float magic = 12582912.0f;
    float shifted = fmaf(x, 1.44269504f, magic);
    float n = shifted - magic;
    float r = fmaf(n, -LN2_HIGH, x);
    r = fmaf(n, -LN2_LOW, r);
    float q = 0.001381422160193324f;
    q = fmaf(q, r, 0.00836889911442995f);
    q = fmaf(q, r, 0.04166840389370918f);
    q = fmaf(q, r, 0.1666651964187622f);
    q = fmaf(q, r, 0.4999999403953552f);
    q = fmaf(r * r, q, r);
    return bits_float(float_bits(q + 1.0f) + (float_bits(shifted) << 23));
}

/// e^x. NaN stays NaN; 0 below -87.3365; infinity above 88.72284.
DEVICE float exponential(float x)
{
    float result = exponential_in_range(x);
    result = x < -87.3365f ? 0.0f : result;
    result = x > 88.72284f ? bits_float(0x7f800000u) : result;
    return x == x ? result : x;
}

/// ln x. Minus infinity at 0, NaN below 0, infinity at infinity; subnormal numbers are exact arguments like any other.
DEVICE float logarithm(float x)
{
    bool tiny = x < 1.17549435e-38f;
    float scaled = tiny ? x * 33554432.0f : x;
    // x = 2^e * m with m in [sqrt(1/2), sqrt(2)): the exponent is read relative to the bits of sqrt(1/2).
    unsigned exponent_bits = (float_bits(scaled) - 0x3f3504f3u) & 0xff800000u;
    float m = bits_float(float_bits(scaled) - exponent_bits);
    float e = static_cast<float>(static_cast<int>(exponent_bits)) * 1.1920929e-7f;
    e = e - (tiny ? 25.0f : 0.0f);
    float f = m - 1.0f;
    float square = f * f;
    float p = 0.06746642291545868f;
    p = fmaf(p, f, -0.11675652116537094f);
    p = fmaf(p, f, 0.11888162046670914f);
    p = fmaf(p, f, -0.1240558847784996f);
    p = fmaf(p, f, 0.14219552278518677f);
    p = fmaf(p, f, -0.1666799634695053f);
    p = fmaf(p, f, 0.2000211924314499f);
    p = fmaf(p, f, -0.25000008940696716f);
    p = fmaf(p, f, 0.3333331346511841f);
    float tail = square * f * p;
    tail = fmaf(e, LN2_LOW, tail);
    tail = fmaf(square, -0.5f, tail);
    float result = fmaf(e, LN2_HIGH, f + tail);
    result = x < bits_float(0x7f800000u) ? result : x;
    result = x < 0.0f ? bits_float(0x7fc00000u) : result;
    return x == 0.0f ? bits_float(0xff800000u) : result;
}

/// 2/sqrt(pi) * integral of exp(-t^2) from 0 to x. Odd, exactly 1 from 4 on; NaN stays NaN.
DEVICE float error_function(float x)
{
    float magnitude = fabsf(x);
    float s = x * x;
    float p = 8.397804776905105e-05f;
    p = fmaf(p, s, -0.0008149808272719383f);
    p = fmaf(p, s, 0.0052017164416611195f);
    p = fmaf(p, s, -0.026859702542424202f);
    p = fmaf(p, s, 0.11283701658248901f);
    p = fmaf(p, s, -0.37612634897232056f);
    p = fmaf(p, s, 0.12837916612625122f);
    float near = fmaf(x, p, x);
    float a = magnitude < 4.0f ? magnitude : 4.0f;
    float q = -0.0001947335695149377f;
    q = fmaf(q, a, 0.0030315921176224947f);
    q = fmaf(q, a, -0.02218136563897133f);
    q = fmaf(q, a, 0.10383883863687515f);
    q = fmaf(q, a, 0.6372858285903931f);
    q = fmaf(q, a, 1.1276154518127441f);
    q = fmaf(q, a, 0.00020992322242818773f);
    float far = 1.0f - exponential_in_range(-q);
    far = bits_float(float_bits(far) | (float_bits(x) & 0x80000000u));
    return magnitude > 0.921875f ? far : near;
}

/// 1 / (1 + e^-x).
DEVICE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }
