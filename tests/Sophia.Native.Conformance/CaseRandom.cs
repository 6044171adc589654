namespace Sophia.Native.Conformance;

/// <summary>Random inputs of a case; floating-point values are exact in fp32, so that backend and reference read the same numbers.</summary>
/// <param name="seed">The seed.</param>
public sealed class CaseRandom(int seed)
{
    private readonly Random _random = new(seed);

    /// <summary>Values between two bounds.</summary>
    public double[] Uniform(long count, double low = -1.0, double high = 1.0)
    {
        var values = new double[count];
        for (var i = 0; i < count; i++)
            values[i] = (float)(low + (high - low) * _random.NextDouble());
        return values;
    }

    /// <summary>Values of either sign whose size is at least 1/4 and at most 7/4: the norm of a row of them is never small.</summary>
    public double[] AwayFromZero(long count)
    {
        var values = new double[count];
        for (var i = 0; i < count; i++)
            values[i] = (float)((0.25 + 1.5 * _random.NextDouble()) * (_random.Next(2) == 0 ? 1.0 : -1.0));
        return values;
    }

    /// <summary>Whole numbers in [low, high).</summary>
    public int[] Integers(long count, int low, int high)
    {
        var values = new int[count];
        for (var i = 0; i < count; i++)
            values[i] = _random.Next(low, high);
        return values;
    }

    /// <summary>The numbers below count in random order.</summary>
    public int[] Permutation(int count)
    {
        var values = new int[count];
        for (var i = 0; i < count; i++)
            values[i] = i;
        _random.Shuffle(values);
        return values;
    }

    /// <summary>A whole number in [low, high).</summary>
    public int Next(int low, int high) => _random.Next(low, high);

    /// <summary>A number in [0, 1).</summary>
    public double NextDouble() => _random.NextDouble();
}
