using System.Runtime.InteropServices;
using Sophia.Native.Models.Files;

namespace Sophia.Native.Tests.Files;

public class FloatConversionTests
{
    [Fact]
    public void Every_bfloat16_survives_the_way_through_float_bit_for_bit()
    {
        var all = new ushort[65536];
        for (var i = 0; i < all.Length; i++) all[i] = (ushort)i;
        var floats = new float[all.Length];
        var back = new ushort[all.Length];

        FloatConversion.ToSingle(FileElementType.BF16, MemoryMarshal.AsBytes(all.AsSpan()), floats);
        FloatConversion.FromSingle(FileElementType.BF16, floats, MemoryMarshal.AsBytes(back.AsSpan()));

        for (var i = 0; i < all.Length; i++) Assert.Equal((uint)i << 16, BitConverter.SingleToUInt32Bits(floats[i]));
        Assert.Equal(all, back);
    }

    [Fact]
    public void Floats_round_to_the_nearest_bfloat16_and_ties_to_even()
    {
        // Deterministic words over the whole range, and the two neighbors of every tie that matters.
        var bits = new List<uint> { 0x3F80_8000, 0x3F81_8000, 0x3F80_7FFF, 0x3F80_8001, 0x7F7F_FFFF, 0xFF7F_FFFF, 0x0000_0001, 0x0000_8000, 0x0000_8001, 0x7F80_0001, 0xFF80_0001, 0x7FC0_1234, 0x7F80_0000 };
        for (uint i = 0; i < 100_003; i++) bits.Add(Philox.Block(i, 0, 0, 0, 1).X0);
        var source = MemoryMarshal.Cast<uint, float>(CollectionsMarshal.AsSpan(bits)).ToArray();
        var found = new ushort[source.Length];

        FloatConversion.FromSingle(FileElementType.BF16, source, MemoryMarshal.AsBytes(found.AsSpan()));

        for (var i = 0; i < found.Length; i++)
        {
            var value = BitConverter.UInt32BitsToSingle((uint)found[i] << 16);
            if (float.IsNaN(source[i]))
            {
                Assert.True(float.IsNaN(value));
                continue;
            }
            // The neighbors below and above in the upper half; their distances in double are exact.
            var (below, above) = (bits[i] >> 16, (bits[i] >> 16) + 1);
            double low = BitConverter.UInt32BitsToSingle(below << 16), high = BitConverter.UInt32BitsToSingle(above << 16);
            if (double.IsInfinity(high)) high = Math.CopySign(Math.Pow(2, 128), high);
            if (double.IsInfinity(low)) { Assert.Equal(below, found[i]); continue; }
            double toLow = Math.Abs(source[i] - low), toHigh = Math.Abs(high - source[i]);
            var expected = toLow < toHigh ? below : toHigh < toLow ? above : (below & 1) == 0 ? below : above;
            Assert.Equal(expected, found[i]);
        }
    }

    [Fact]
    public void The_eight_bit_floats_have_the_values_of_their_definition()
    {
        var bytes = new byte[256];
        for (var i = 0; i < 256; i++) bytes[i] = (byte)i;
        var e4m3 = new float[256];
        var e5m2 = new float[256];

        FloatConversion.ToSingle(FileElementType.F8_E4M3, bytes, e4m3);
        FloatConversion.ToSingle(FileElementType.F8_E5M2, bytes, e5m2);

        for (var i = 0; i < 256; i++)
        {
            var sign = i < 128 ? 1.0 : -1.0;
            int exponent = (i >> 3) & 15, mantissa = i & 7;
            var expected = exponent == 15 && mantissa == 7 ? double.NaN : exponent == 0 ? sign * mantissa / 8 * Math.Pow(2, -6) : sign * (1 + mantissa / 8.0) * Math.Pow(2, exponent - 7);
            Assert.Equal(expected, e4m3[i]);
            (exponent, mantissa) = ((i >> 2) & 31, i & 3);
            expected = exponent == 31 ? mantissa == 0 ? sign * double.PositiveInfinity : double.NaN
                : exponent == 0 ? sign * mantissa / 4 * Math.Pow(2, -14) : sign * (1 + mantissa / 4.0) * Math.Pow(2, exponent - 15);
            Assert.Equal(expected, e5m2[i]);
        }
    }
}
