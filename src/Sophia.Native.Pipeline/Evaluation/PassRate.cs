namespace Sophia.Native.Pipeline.Evaluation;

/// <summary>pass@k of one question.</summary>
public static class PassRate
{
    /// <summary>
    /// The unbiased estimate of the probability that at least one of k answers is right, from n answers of which c are: 1 - C(n - c, k) / C(n, k) (Chen and others, "Evaluating large language models
    /// trained on code", 2021, equation 1), as a product that cannot overflow.
    /// </summary>
    /// <param name="answers">n, at least 1.</param>
    /// <param name="right">c, from 0 to n.</param>
    /// <param name="k">From 1 to n.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public static double Unbiased(int answers, int right, int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(answers);
        ArgumentOutOfRangeException.ThrowIfNegative(right);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(right, answers);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, answers);
        if (answers - right < k) return 1;
        double none = 1;
        for (int i = answers - right + 1; i <= answers; i++) none *= 1 - (double)k / i;
        return 1 - none;
    }
}
