using Xunit;

namespace Sophia.Native.Conformance.Golden;

/// <summary>Collects the largest difference of each quantity and fails on the first beyond its tolerance.</summary>
internal sealed class GoldenReport(string title)
{
    private readonly SortedDictionary<string, (double Relative, double Absolute)> _largest = [];

    public void Check(string quantity, ReadOnlySpan<float> found, ReadOnlySpan<float> expected, double relativeLimit, double absoluteLimit = double.PositiveInfinity)
    {
        var (relative, absolute) = GoldenModel.Distance(found, expected);
        var known = _largest.GetValueOrDefault(quantity);
        _largest[quantity] = (Math.Max(known.Relative, relative), Math.Max(known.Absolute, absolute));
        Assert.True(relative <= relativeLimit && absolute <= absoluteLimit, $"{title} {quantity}: relative {relative:G3} (limit {relativeLimit:G3}), absolute {absolute:G3} (limit {absoluteLimit:G3})");
    }

    public void Print()
    {
        foreach (var (quantity, (relative, absolute)) in _largest)
            TestContext.Current.TestOutputHelper?.WriteLine($"{title} {quantity}: relative L2 {relative:G3}, absolute {absolute:G3}");
    }
}
