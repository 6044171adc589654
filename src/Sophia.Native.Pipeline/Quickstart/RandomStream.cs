using System.Runtime.CompilerServices;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// A stream of random numbers at a Philox address (seed, purpose, index). Two streams with different addresses are independent; the same
/// address gives the same numbers on every machine, because nothing but integer arithmetic and exact conversions is used.
/// A mutable struct: pass it by reference.
/// </summary>
internal struct RandomStream(ulong seed, RandomPurpose purpose, ulong index)
{
    private uint _block, _w0, _w1, _w2, _w3;
    private int _left;

    public uint NextWord()
    {
        if (_left == 0)
        {
            (_w0, _w1, _w2, _w3) = Philox.Block(_block++, (uint)purpose, (uint)index, (uint)(index >> 32), seed);
            _left = 4;
        }

        return _left-- switch { 4 => _w0, 3 => _w1, 2 => _w2, _ => _w3 };
    }

    /// <summary>Uniform in the open interval (0, 1).</summary>
    public float NextUnit() => Philox.ToUnit(NextWord());

    /// <summary>Uniform between the two.</summary>
    public float NextBetween(float low, float high) => low + (high - low) * NextUnit();

    /// <summary>Uniform in 0 .. bound - 1 (the bias of the multiplication is below bound / 2^32).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int NextBelow(int bound) => (int)(((ulong)NextWord() * (uint)bound) >> 32);

    /// <summary>True with the given probability.</summary>
    public bool NextChance(double probability) => NextUnit() < probability;

    public T NextOf<T>(ReadOnlySpan<T> items) => items[NextBelow(items.Length)];
}
