using ILGPU;

namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>A block of 64 keys or values of a head in shared memory, a row each, one float more apart than a head has, so that neighboring rows are in different banks.</summary>
internal static class KeyBlock
{
    /// <summary>Fills the block with the rows [start, start + 64) of a sequence, by all threads of a group; zeros behind the last key.</summary>
    public static void Load<THead, TStored, TSquare>(ArrayView<float> block, Matrix<TStored> source, Sequence sequence, int start, int column)
        where THead : unmanaged, IHeadSize
        where TStored : unmanaged, IStored<TStored>
        where TSquare : unmanaged, ISquare
    {
        var lane = Group.IdxX % HeadColumns.Lanes;
        for (var k = Group.IdxX / HeadColumns.Lanes; k < Backend.AttentionKeyBlock; k += TSquare.Side * TSquare.Side / HeadColumns.Lanes)
        {
            var isThere = start + k < sequence.Keys;
            for (var d = lane; d < THead.Size; d += HeadColumns.Lanes)
                block[k * (THead.Size + 1) + d] = isThere ? source.Read((long)sequence.FirstKey + start + k, column + d) : 0f;
        }
    }

    /// <summary>The products of a query with the keys lane, lane + 16, lane + 32 and lane + 48, each one chain over the columns.</summary>
    public static Quad Scores<THead>(ArrayView<float> queries, int row, ArrayView<float> block, int lane)
        where THead : unmanaged, IHeadSize
    {
        var scores = default(Quad);
        for (var d = 0; d < THead.Size; d++)
            scores = scores.Plus(queries[row * THead.Size + d], Column<THead>(block, lane, d));
        return scores;
    }

    /// <summary>Column d of the keys lane, lane + 16, lane + 32 and lane + 48.</summary>
    public static Quad Column<THead>(ArrayView<float> block, int lane, int d)
        where THead : unmanaged, IHeadSize
    {
        var pitch = THead.Size + 1;
        var at = lane * pitch + d;
        return new(block[at], block[at + 16 * pitch], block[at + 32 * pitch], block[at + 48 * pitch]);
    }
}
