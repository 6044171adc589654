using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sophia.Native.Cpu;

/// <summary>What is done with one vector of a row. It holds its operands.</summary>
internal interface IVectorOperator
{
    /// <summary>Computes the given lanes from a column on. Inputs must be read before an output that may share their memory is written.</summary>
    void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TLanes : struct, ILanes;
}

/// <summary>An elementwise operation over rows x columns; the loop works on a copy of it.</summary>
internal interface IElementwiseOperator : IVectorOperator
{
    /// <summary>Goes to a row, to which the following vectors belong.</summary>
    void MoveTo(nint row);
}

/// <summary>
/// The one loop of all elementwise operations over rows x columns: tiles of some sixteen thousand elements are shared out to the workers, and within
/// a tile every row runs vector by vector. Elements do not depend on each other, so neither tiles nor threads change a bit.
/// </summary>
internal static unsafe class ElementwiseLoop
{
    private const long TileElements = 16 * 1024;
    private const long MaximumTileColumns = 8 * 1024;

    public static void Run<TOperator>(CpuPath path, WorkerPool pool, TOperator elementwise, long rows, long columns)
        where TOperator : unmanaged, IElementwiseOperator
    {
        if (rows <= 0 || columns <= 0)
            return;
        Work<TOperator> work;
        work.Operator = elementwise;
        work.Rows = rows;
        work.Columns = columns;
        work.TileColumns = Math.Min(columns, MaximumTileColumns);
        work.TileRows = Math.Max(1, TileElements / work.TileColumns);
        work.TilesAcross = (columns + work.TileColumns - 1) / work.TileColumns;
        var tiles = checked((int)(work.TilesAcross * ((rows + work.TileRows - 1) / work.TileRows)));
        if (path == CpuPath.Avx512)
            pool.Run(&RunTile<TOperator, Simd512, Vector512<float>>, &work, tiles);
        else
            pool.Run(&RunTile<TOperator, Simd256, Vector256<float>>, &work, tiles);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunTile<TOperator, TSimd, TVector>(void* context, int tile, int workerIndex)
        where TOperator : unmanaged, IElementwiseOperator
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var work = (Work<TOperator>*)context;
        var firstRow = (nint)(tile / work->TilesAcross * work->TileRows);
        var endRow = (nint)Math.Min(firstRow + work->TileRows, work->Rows);
        var firstColumn = (nint)(tile % work->TilesAcross * work->TileColumns);
        var endColumn = (nint)Math.Min(firstColumn + work->TileColumns, work->Columns);
        var elementwise = work->Operator;
        for (var row = firstRow; row < endRow; row++)
        {
            elementwise.MoveTo(row);
            RunRow<TOperator, TSimd, TVector>(ref elementwise, firstColumn, endColumn);
        }
    }

    /// <summary>One row, or a part of it, on the calling thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RunRow<TOperator, TSimd, TVector>(ref TOperator elementwise, nint firstColumn, nint endColumn)
        where TOperator : unmanaged, IVectorOperator
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var column = firstColumn;
        for (; column <= endColumn - TSimd.Width; column += TSimd.Width)
            elementwise.Apply<TSimd, TVector, AllLanes>(column, default);
        if (column < endColumn)
            elementwise.Apply<TSimd, TVector, FirstLanes>(column, new FirstLanes((int)(endColumn - column)));
    }

    private struct Work<TOperator>
    {
        public TOperator Operator;
        public long Rows;
        public long Columns;
        public long TileRows;
        public long TileColumns;
        public long TilesAcross;
    }
}
