namespace Sophia.Native.Conformance;

/// <summary>The sizes of fp32 rounding errors from which tolerances are made.</summary>
public static class Rounding
{
    /// <summary>The unit roundoff u = 2^-24 of one fp32 operation.</summary>
    public const double Unit = 1.0 / (1 << 24);

    /// <summary>
    /// A sum of n rounded products in any order, as a share of the sum of their sizes: (4 + 2 sqrt(n)) u. The worst case is n u; errors of either sign grow as
    /// sqrt(n) u with a small constant (Higham and Mary, "A new approach to probabilistic rounding error analysis", SISC 2019).
    /// </summary>
    /// <param name="terms">n.</param>
    public static double Sum(long terms) => (4.0 + 2.0 * Math.Sqrt(terms)) * Unit;

    /// <summary>
    /// A product of two vectors of n random values between -1 and 1: (2 + n / 2) u. Partial sums grow as sqrt(n) / 3 and each adds a rounding error of 0.3 u of its size, which makes 0.07 n u:
    /// seven standard deviations.
    /// </summary>
    /// <param name="terms">n.</param>
    public static double UnitProduct(long terms) => (2.0 + 0.5 * terms) * Unit;

    /// <summary>Some elementwise operations and one of our exp, log or erf polynomials, each good to a few units: 16 u.</summary>
    public const double Elementwise = 16.0 * Unit;
}
