using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>What a vector of a row adds to the row's sum. Lanes without elements must add zero.</summary>
internal interface IRowTerm
{
    /// <summary>The sum with the terms of the lanes from a column on added.</summary>
    TVector Add<TSimd, TVector, TLanes>(TVector sum, nint column, TLanes lanes)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TLanes : struct, ILanes;
}

/// <summary>
/// The one sum over the channels of a row: four vectors of lanes, taken in turn, added pairwise and then folded across lanes. The order of additions depends on the
/// number of channels and the path alone.
/// </summary>
internal static class RowSum
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Of<TTerm, TSimd, TVector>(TTerm term, nint columns)
        where TTerm : unmanaged, IRowTerm
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var first = TSimd.Zero;
        var second = TSimd.Zero;
        var third = TSimd.Zero;
        var fourth = TSimd.Zero;
        nint column = 0;
        for (; column <= columns - 4 * TSimd.Width; column += 4 * TSimd.Width)
        {
            first = term.Add<TSimd, TVector, AllLanes>(first, column, default);
            second = term.Add<TSimd, TVector, AllLanes>(second, column + TSimd.Width, default);
            third = term.Add<TSimd, TVector, AllLanes>(third, column + 2 * TSimd.Width, default);
            fourth = term.Add<TSimd, TVector, AllLanes>(fourth, column + 3 * TSimd.Width, default);
        }
        for (; column <= columns - TSimd.Width; column += TSimd.Width)
            first = term.Add<TSimd, TVector, AllLanes>(first, column, default);
        if (column < columns)
            second = term.Add<TSimd, TVector, FirstLanes>(second, column, new FirstLanes((int)(columns - column)));
        return TSimd.Sum(TSimd.Add(TSimd.Add(first, second), TSimd.Add(third, fourth)));
    }
}
