using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>
/// <see cref="Philox.Block"/> of several counters at once under one key: four lanes of a vector are the four words of a block, so that the words come out in the order of memory
/// and one multiplication gives both products of a round of every block.
/// </summary>
internal readonly unsafe struct PhiloxVector<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private readonly TVector _multipliers;
    private readonly TVector _keys;
    private readonly TVector _weyl;

    /// <param name="key">The key: low word first.</param>
    public PhiloxVector(ulong key)
    {
        _multipliers = Repeat(Philox.MultiplierA, 0, Philox.MultiplierB, 0);
        _keys = Repeat((uint)key, 0, (uint)(key >> 32), 0);
        _weyl = Repeat(Philox.WeylA, 0, Philox.WeylB, 0);
    }

    /// <summary>Four words in every block of a vector: a counter, or what is to be added to one.</summary>
    public static TVector Repeat(uint word0, uint word1, uint word2, uint word3)
    {
        var words = stackalloc uint[16];
        for (var lane = 0; lane < TSimd.Width; lane += 4)
        {
            words[lane] = word0;
            words[lane + 1] = word1;
            words[lane + 2] = word2;
            words[lane + 3] = word3;
        }
        return TSimd.Load((float*)words);
    }

    /// <summary>0, 1, 2, .. in one of the four words of each block, nothing in the others: added to one counter in all blocks, it makes them consecutive.</summary>
    /// <param name="word">Which word, 0 to 3.</param>
    public static TVector Numbers(int word)
    {
        var words = stackalloc uint[16];
        for (var lane = 0; lane < TSimd.Width; lane++)
            words[lane] = lane % 4 == word ? (uint)lane / 4 : 0;
        return TSimd.Load((float*)words);
    }

    /// <summary>The words of the blocks of these counters.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Words(TVector counters)
    {
        var keys = _keys;
        for (var round = 0; round < 10; round++)
        {
            // Lower A, upper A, lower B, upper B; from behind: what the words of the next counter take from the products.
            var products = TSimd.ReverseFours(TSimd.MultiplyEvenBits(counters, _multipliers));
            counters = TSimd.XorBits(products, TSimd.XorBits(TSimd.OddToEvenBits(counters), keys));
            keys = TSimd.AddBits(keys, _weyl);
        }
        return counters;
    }

    /// <summary>Writes the words of consecutive counters.</summary>
    /// <param name="words">Room for <paramref name="blocks"/> blocks, rounded up to whole vectors.</param>
    /// <param name="blocks">Number of blocks.</param>
    /// <param name="counters">The counters of the first vector.</param>
    /// <param name="advance">What makes the next vector's of a vector's.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Write(uint* words, int blocks, TVector counters, TVector advance)
    {
        for (var block = 0; block < blocks; block += TSimd.Width / 4)
        {
            TSimd.Store((float*)(words + 4 * block), Words(counters));
            counters = TSimd.AddBits(counters, advance);
        }
    }
}
