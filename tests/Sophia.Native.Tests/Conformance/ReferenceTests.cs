using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Tests.Conformance;

/// <summary>The reference against published values.</summary>
public sealed class ReferenceTests
{
    [Theory]
    [InlineData(0.0, 0.0)]
    [InlineData(0.5, 0.5204998778130465)]
    [InlineData(1.0, 0.8427007929497149)]
    [InlineData(-1.5, -0.9661051464753108)]
    [InlineData(2.0, 0.9953222650189527)]
    public void Erf_equals_the_tables(double x, double expected) => Assert.Equal(expected, ErrorFunction(x), 1e-15);

    [Theory]
    [InlineData(0.999999, 0.15729962213)]
    [InlineData(1.0, 0.15729920705028513)]
    [InlineData(3.0, 2.209049699858544e-05)]
    [InlineData(5.0, 1.5374597944280349e-12)]
    [InlineData(10.0, 2.088487583762545e-45)]
    public void Erfc_keeps_its_digits_far_out(double x, double expected) => Assert.Equal(1.0, ComplementaryErrorFunction(x) / expected, x is 0.999999 ? 1e-9 : 1e-13);

    /// <summary>Known answers of Random123's kat_vectors, philox4x32 with 10 rounds.</summary>
    [Fact]
    public void Philox_gives_the_known_answers()
    {
        uint[] zeros = [0, 0, 0, 0];
        PhiloxBlock(zeros, 0);
        Assert.Equal([0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u], zeros);
        uint[] ones = [uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue];
        PhiloxBlock(ones, ulong.MaxValue);
        Assert.Equal([0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu], ones);
        uint[] digits = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
        PhiloxBlock(digits, 0x299f31d0a4093822);
        Assert.Equal([0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u], digits);
    }

    /// <summary>Weights of the cubic kernel with a = -0.75 at a half: -0.09375, 0.59375, 0.59375, -0.09375.</summary>
    [Fact]
    public void Bicubic_doubling_of_a_ramp_is_what_the_kernel_says()
    {
        double[] positions = [7, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3];
        var output = new double[1 + 4 * 2];
        PositionInterpolationForward(output, positions, 4, 4, 2, 1);
        Assert.Equal(7.0, output[0]);
        for (var row = 0; row < 4; row++)
        {
            Assert.Equal(-0.09375 * 0 + 0.59375 * 0 + 0.59375 * 1 - 0.09375 * 2, output[1 + row * 2], 1e-12);
            Assert.Equal(-0.09375 * 1 + 0.59375 * 2 + 0.59375 * 3 - 0.09375 * 3, output[2 + row * 2], 1e-12);
        }
    }
}
