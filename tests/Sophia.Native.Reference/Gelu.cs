namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>output = x * Phi(x), Phi the standard normal distribution function.</summary>
    public static void GeluForward(Span<double> output, ReadOnlySpan<double> input)
    {
        for (var i = 0; i < input.Length; i++)
            output[i] = input[i] * NormalDistribution(input[i]);
    }

    /// <summary>dInput = dOutput * (Phi(x) + x * phi(x)), phi the standard normal density.</summary>
    public static void GeluBackward(Span<double> dInput, ReadOnlySpan<double> dOutput, ReadOnlySpan<double> input)
    {
        for (var i = 0; i < input.Length; i++)
        {
            var x = input[i];
            var density = Math.Exp(-0.5 * x * x) / Math.Sqrt(2.0 * Math.PI);
            dInput[i] = dOutput[i] * (NormalDistribution(x) + x * density);
        }
    }

    /// <summary>erf(x) to about 1e-15: below 1 the series of positive terms 2 / sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (2n+1)!!, above it 1 - erfc(x).</summary>
    public static double ErrorFunction(double x)
    {
        var size = Math.Abs(x);
        if (size >= 1.0)
            return Math.Sign(x) * (1.0 - ComplementaryErrorFunction(size));
        double term = x, sum = x;
        for (var n = 1; n < 60; n++)
        {
            term *= 2.0 * x * x / (2 * n + 1);
            sum += term;
        }
        return 2.0 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    /// <summary>
    /// erfc(x) = 1 - erf(x) with a small relative error also far out: for x of 1 and more the continued fraction
    /// exp(-x^2) / sqrt(pi) / (x + (1/2) / (x + 1 / (x + (3/2) / (x + ...)))), evaluated from a term deep enough for x = 1.
    /// </summary>
    public static double ComplementaryErrorFunction(double x)
    {
        if (x < 1.0)
            return x <= -1.0 ? 2.0 - ComplementaryErrorFunction(-x) : 1.0 - ErrorFunction(x);
        var tail = x;
        for (var n = 400; n >= 1; n--)
            tail = x + 0.5 * n / tail;
        return Math.Exp(-x * x) / (Math.Sqrt(Math.PI) * tail);
    }

    private static double NormalDistribution(double x) => 0.5 * ComplementaryErrorFunction(-x / Math.Sqrt(2.0));
}
