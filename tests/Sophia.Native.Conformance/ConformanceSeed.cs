using System.Globalization;

namespace Sophia.Native.Conformance;

/// <summary>The seed of this run's random inputs: new each time, or what SOPHIA_CONFORMANCE_SEED says; every failure message names it.</summary>
public static class ConformanceSeed
{
    /// <summary>The environment variable that fixes the seed.</summary>
    public const string Variable = "SOPHIA_CONFORMANCE_SEED";

    /// <summary>The seed.</summary>
    public static int Value { get; } = Read();

    /// <summary>A generator for one case: the same whenever the case runs in this run, whatever ran before.</summary>
    /// <param name="name">The case.</param>
    public static CaseRandom For(string name)
    {
        var hash = 2166136261u;
        foreach (var letter in name)
            hash = unchecked((hash ^ letter) * 16777619u);
        return new(unchecked(Value * 31 + (int)hash));
    }

    private static int Read()
    {
        var text = Environment.GetEnvironmentVariable(Variable);
        if (string.IsNullOrWhiteSpace(text))
            return Random.Shared.Next();
        return int.TryParse(text, CultureInfo.InvariantCulture, out var seed) ? seed : throw new InvalidOperationException($"{Variable} must be a whole number, found '{text}'.");
    }
}
