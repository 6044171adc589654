namespace Sophia.Native;

/// <summary>
/// The counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
/// A block of four 32-bit words is a pure function of a 128-bit counter and a 64-bit key: no state, the same words on every backend.
/// </summary>
public static class Philox
{
    internal const uint MultiplierA = 0xD2511F53;
    internal const uint MultiplierB = 0xCD9E8D57;
    internal const uint WeylA = 0x9E3779B9;
    internal const uint WeylB = 0xBB67AE85;

    /// <summary>The four words of one counter under one key.</summary>
    /// <param name="counter0">Counter word 0.</param>
    /// <param name="counter1">Counter word 1.</param>
    /// <param name="counter2">Counter word 2.</param>
    /// <param name="counter3">Counter word 3.</param>
    /// <param name="key">The key: low word first.</param>
    public static (uint X0, uint X1, uint X2, uint X3) Block(uint counter0, uint counter1, uint counter2, uint counter3, ulong key)
    {
        var key0 = (uint)key;
        var key1 = (uint)(key >> 32);
        for (var round = 0; round < 10; round++)
        {
            var productA = (ulong)MultiplierA * counter0;
            var productB = (ulong)MultiplierB * counter2;
            counter0 = (uint)(productB >> 32) ^ counter1 ^ key0;
            counter2 = (uint)(productA >> 32) ^ counter3 ^ key1;
            counter1 = (uint)productB;
            counter3 = (uint)productA;
            key0 += WeylA;
            key1 += WeylB;
        }
        return (counter0, counter1, counter2, counter3);
    }

    /// <summary>A word as a float in the open interval (0, 1): (its upper 23 bits + 1/2) / 2^23, exact in fp32.</summary>
    /// <param name="word">A word of <see cref="Block"/>.</param>
    public static float ToUnit(uint word) => ((word >> 9) + 0.5f) * (1f / (1 << 23));

    /// <summary>A random permutation of 0 .. n - 1 (Fisher and Yates), a pure function of its arguments.</summary>
    /// <param name="order">[n], overwritten.</param>
    /// <param name="round">Number of the permutation, such as the epoch.</param>
    /// <param name="purpose">Keeps users of one key apart.</param>
    /// <param name="key">The key.</param>
    public static void Permute(Span<int> order, uint round, uint purpose, ulong key)
    {
        for (var i = 0; i < order.Length; i++)
            order[i] = i;
        for (var i = order.Length - 1; i > 0; i--)
        {
            var other = (int)((ulong)Block((uint)i, round, 0, purpose, key).X0 * (uint)(i + 1) >> 32);
            (order[i], order[other]) = (order[other], order[i]);
        }
    }
}
