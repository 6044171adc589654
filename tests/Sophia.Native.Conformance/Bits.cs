using System.Runtime.InteropServices;
using Xunit;

namespace Sophia.Native.Conformance;

/// <summary>Comparison bit by bit.</summary>
internal static class Bits
{
    /// <summary>Fails at the first element whose bits differ.</summary>
    public static void Equal(ReadOnlySpan<float> expected, ReadOnlySpan<float> found, string what)
    {
        Assert.Equal(expected.Length, found.Length);
        var left = MemoryMarshal.Cast<float, uint>(expected);
        var right = MemoryMarshal.Cast<float, uint>(found);
        var at = left.CommonPrefixLength(right);
        if (at < left.Length)
            Assert.Fail($"seed {ConformanceSeed.Value}, {what}: element {at} has other bits: {expected[at]:R} there, {found[at]:R} here.");
    }
}
