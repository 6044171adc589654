namespace Sophia.Native.Tests.Conformance;

/// <summary>Compares a gradient with central differences of the loss, in double precision.</summary>
internal static class FiniteDifferences
{
    private const double Step = 1e-5;

    /// <summary>
    /// Fails where d loss / d x[i] differs from (loss(x[i] + h) - loss(x[i] - h)) / 2h by more than 1e-7 of their size: the difference is good to
    /// h^2 = 1e-10 times the third derivative, and to 1e-16 / h = 1e-11 times the loss.
    /// </summary>
    public static void Check(string what, double[] x, Func<double> loss, ReadOnlySpan<double> gradient)
    {
        Assert.Equal(x.Length, gradient.Length);
        for (var i = 0; i < x.Length; i++)
        {
            var at = x[i];
            x[i] = at + Step;
            var above = loss();
            x[i] = at - Step;
            var below = loss();
            x[i] = at;
            var slope = (above - below) / (2.0 * Step);
            Assert.True(Math.Abs(slope - gradient[i]) <= 1e-7 * (1.0 + Math.Abs(slope)), $"{what}[{i}]: slope {slope:R}, gradient {gradient[i]:R}");
        }
    }

    /// <summary>sum of left * right.</summary>
    public static double Dot(ReadOnlySpan<double> left, ReadOnlySpan<double> right)
    {
        var sum = 0.0;
        for (var i = 0; i < left.Length; i++)
            sum += left[i] * right[i];
        return sum;
    }

    /// <summary>Values between two bounds.</summary>
    public static double[] Draw(Random random, int count, double low = -1.0, double high = 1.0)
    {
        var values = new double[count];
        for (var i = 0; i < count; i++)
            values[i] = low + (high - low) * random.NextDouble();
        return values;
    }
}
