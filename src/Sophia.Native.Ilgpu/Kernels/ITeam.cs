using ILGPU;

namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>
/// Who works on a row. A sum over a row runs in 32 lanes, column c in lane c mod 32, each in order; the lanes are then added as a tree of neighbors. A team of 32 threads of a warp has a lane each and exchanges sums by
/// warp operations; where a device has none, a thread runs all lanes one after the other. Both give the same bits.
/// </summary>
internal interface ITeam
{
    /// <summary>Threads of a team.</summary>
    static abstract int Size { get; }

    /// <summary>The sum of all lanes, in every thread of the team.</summary>
    static abstract float Total(LaneTree tree);
}

/// <summary>Half a warp of 64, or a warp of 32.</summary>
internal readonly struct WarpTeam : ITeam
{
    public static int Size => LaneTree.Lanes;

    public static float Total(LaneTree tree)
    {
        var sum = tree.Last;
        sum += Warp.ShuffleXor(sum, 1);
        sum += Warp.ShuffleXor(sum, 2);
        sum += Warp.ShuffleXor(sum, 4);
        sum += Warp.ShuffleXor(sum, 8);
        sum += Warp.ShuffleXor(sum, 16);
        return sum;
    }
}

/// <summary>One thread.</summary>
internal readonly struct SingleTeam : ITeam
{
    public static int Size => 1;

    public static float Total(LaneTree tree) => tree.Last;
}
