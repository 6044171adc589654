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

    /// <summary>
    /// How much larger the share of successes of one series is than that of another over the same trials, with the paired standard error: d = first - second of every trial,
    /// sqrt(sum (d - mean d)^2 / (n (n - 1))). What is hard for both leaves no error, unlike in the difference of two independent shares.
    /// </summary>
    /// <param name="first">Success of each trial.</param>
    /// <param name="second">The same trials in the same order.</param>
    /// <exception cref="ArgumentException">The numbers differ, or there is none.</exception>
    public static Estimate OfDifference(IReadOnlyList<bool> first, IReadOnlyList<bool> second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        if (first.Count != second.Count || first.Count == 0)
            throw new ArgumentException($"Expected as many trials in both series, and at least one, found {first.Count} and {second.Count}.", nameof(second));
        double[] differences = new double[first.Count];
        for (int i = 0; i < differences.Length; i++) differences[i] = (first[i] ? 1 : 0) - (second[i] ? 1 : 0);
        return OfMean(differences);
    }

    /// <summary>The mean of independent estimates, each with the same weight: its standard error is sqrt(sum of their squares) / number. It knows nothing of how the estimates themselves scatter.</summary>
    /// <exception cref="ArgumentException">There is no estimate.</exception>
    public static Estimate OfStrata(ReadOnlySpan<Estimate> strata)
    {
        if (strata.IsEmpty) throw new ArgumentException("Expected at least one estimate, found none.", nameof(strata));
        double sum = 0, squares = 0;
        int count = 0;
        foreach (Estimate stratum in strata)
        {
            sum += stratum.Value;
            squares += stratum.StandardError * stratum.StandardError;
            count += stratum.Count;
        }

        return new Estimate(sum / strata.Length, Math.Sqrt(squares) / strata.Length, count);
    }

    /// <summary>How many standard errors of the difference this estimate lies above another, taken as independent; infinite where both have none.</summary>
    public double StandardErrorsAbove(Estimate other)
    {
        double difference = Value - other.Value;
        return difference == 0 ? 0 : difference / Math.Sqrt(StandardError * StandardError + other.StandardError * other.StandardError);
    }
}
