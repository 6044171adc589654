namespace Sophia.Native.Pipeline;

/// <summary>A mean over a sample with its standard error.</summary>
/// <param name="Value">The mean.</param>
/// <param name="StandardError">Standard deviation of the sample divided by the square root of its size; zero for a sample of one.</param>
/// <param name="Count">Size of the sample.</param>
public readonly record struct Estimate(double Value, double StandardError, int Count)
{
    /// <summary>The share of successes among trials, with standard error sqrt(p (1 - p) / n).</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no trial, or successes are negative or more than the trials.</exception>
    public static Estimate OfShare(int successes, int trials)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(trials);
        ArgumentOutOfRangeException.ThrowIfNegative(successes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(successes, trials);
        double share = (double)successes / trials;
        return new Estimate(share, Math.Sqrt(share * (1 - share) / trials), trials);
    }

    /// <summary>The mean of values, with the unbiased standard deviation.</summary>
    /// <exception cref="ArgumentException">There is no value.</exception>
    public static Estimate OfMean(ReadOnlySpan<double> values)
    {
        if (values.IsEmpty) throw new ArgumentException("Expected at least one value, found none.", nameof(values));
        double sum = 0, squares = 0;
        foreach (double value in values) sum += value;
        double mean = sum / values.Length;
        foreach (double value in values) squares += (value - mean) * (value - mean);
        return new Estimate(mean, values.Length == 1 ? 0 : Math.Sqrt(squares / (values.Length - 1) / values.Length), values.Length);
    }

    /// <summary>How many standard errors of the difference this estimate lies above another, taken as independent; infinite where both have none.</summary>
    public double StandardErrorsAbove(Estimate other)
    {
        double difference = Value - other.Value;
        return difference == 0 ? 0 : difference / Math.Sqrt(StandardError * StandardError + other.StandardError * other.StandardError);
    }
}
