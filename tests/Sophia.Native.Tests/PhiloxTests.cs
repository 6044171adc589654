using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Sophia.Native.Cpu;
using Xunit;

namespace Sophia.Native.Tests;

/// <summary>Known answers: the file kat_vectors of the Random123 library, lines "philox4x32 10".</summary>
public sealed class PhiloxTests
{
    [Fact]
    public void Counter_and_key_of_zeros_give_the_known_words() =>
        Assert.Equal((0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u), Philox.Block(0, 0, 0, 0, 0));

    [Fact]
    public void Counter_and_key_of_ones_give_the_known_words() =>
        Assert.Equal((0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu), Philox.Block(uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, ulong.MaxValue));

    [Fact]
    public void The_digits_of_pi_give_the_known_words() =>
        Assert.Equal((0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u), Philox.Block(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0x299f31d0_a4093822));

    [Fact]
    public void Units_lie_in_the_open_interval()
    {
        Assert.Equal(.5f / (1 << 23), Philox.ToUnit(0));
        Assert.Equal(1 - .5f / (1 << 23), Philox.ToUnit(uint.MaxValue));
    }

    [Fact]
    public void Vectors_of_256_bits_hold_the_words_of_consecutive_blocks() => CompareVectors<Simd256, Vector256<float>>();

    [Fact]
    public void Vectors_of_512_bits_hold_the_words_of_consecutive_blocks()
    {
        Assert.SkipUnless(InstructionSetPath.IsSupported(CpuPath.Avx512), "This machine has no AVX-512.");
        CompareVectors<Simd512, Vector512<float>>();
    }

    private static unsafe void CompareVectors<TSimd, TVector>()
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        const int Blocks = 13;
        var random = Random.Shared;
        var words = stackalloc uint[4 * 16];
        for (var word = 0; word < 4; word++)
        {
            var counter = new uint[4];
            random.NextBytes(MemoryMarshal.AsBytes(counter.AsSpan()));
            var key = (ulong)random.NextInt64(long.MinValue, long.MaxValue);
            var step = new uint[4];
            step[word] = (uint)TSimd.Width / 4;

            var first = TSimd.AddBits(PhiloxVector<TSimd, TVector>.Repeat(counter[0], counter[1], counter[2], counter[3]), PhiloxVector<TSimd, TVector>.Numbers(word));
            new PhiloxVector<TSimd, TVector>(key).Write(words, Blocks, first, PhiloxVector<TSimd, TVector>.Repeat(step[0], step[1], step[2], step[3]));

            for (var block = 0; block < Blocks; block++, counter[word]++)
                Assert.Equal(Philox.Block(counter[0], counter[1], counter[2], counter[3], key), (words[4 * block], words[4 * block + 1], words[4 * block + 2], words[4 * block + 3]));
        }
    }
}
