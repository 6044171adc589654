namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>The one sum over a row; its order is that of <see cref="ITeam"/>.</summary>
internal static class RowSum
{
    /// <summary>The sum of a term over all columns, in every thread of the team.</summary>
    public static float Of<TTeam, TTerm>(TTerm term, int lane, int columns)
        where TTeam : unmanaged, ITeam
        where TTerm : struct, IRowTerm
    {
        if (TTeam.Size > 1)
            return TTeam.Total(LaneTree.Of(Lane(term, lane, columns)));
        var tree = default(LaneTree);
        for (var own = 0; own < LaneTree.Lanes; own++)
            tree = tree.With(own, Lane(term, own, columns));
        return TTeam.Total(tree);
    }

    private static float Lane<TTerm>(TTerm term, int lane, int columns)
        where TTerm : struct, IRowTerm
    {
        var sum = 0f;
        for (var column = lane; column < columns; column += LaneTree.Lanes)
            sum = term.Add(sum, column);
        return sum;
    }
}
