using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sophia.Native.Cpu;

/// <summary>What a row adds to a sum over rows. It holds its operands.</summary>
internal interface IColumnTerm
{
    /// <summary>The sum with the row's term added, in the given lanes from a column on.</summary>
    TVector Add<TSimd, TVector, TLanes>(TVector sum, nint row, nint column, TLanes lanes)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TLanes : struct, ILanes;
}

/// <summary>
/// The one loop of all sums over rows: gradients of biases, of norm weights and of layer scales. target[c] = (..((target[c] + term(0, c)) + term(1, c)) + ..):
/// one chain per column, from the old value on, in the order of the rows. Blocks of columns are shared out to the workers, so threads change no bit.
/// </summary>
/// <remarks>A block of columns is 1 KB of a row: long enough for the prefetcher, and its sums stay in registers for eight rows at a time.</remarks>
internal static unsafe class ColumnSumLoop
{
    private const long BlockColumns = 256;
    private const int RowsAtOnce = 8;

    public static void Run<TTerm>(CpuPath path, WorkerPool pool, float* target, TTerm term, long rows, long columns)
        where TTerm : unmanaged, IColumnTerm
    {
        if (rows <= 0 || columns <= 0)
            return;
        Work<TTerm> work;
        work.Term = term;
        work.Target = target;
        work.Rows = rows;
        work.Columns = columns;
        var blocks = checked((int)((columns + BlockColumns - 1) / BlockColumns));
        if (path == CpuPath.Avx512)
            pool.Run(&RunBlock<TTerm, Simd512, Vector512<float>>, &work, blocks);
        else
            pool.Run(&RunBlock<TTerm, Simd256, Vector256<float>>, &work, blocks);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunBlock<TTerm, TSimd, TVector>(void* context, int block, int workerIndex)
        where TTerm : unmanaged, IColumnTerm
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var work = (Work<TTerm>*)context;
        var target = work->Target;
        var term = work->Term;
        var firstColumn = (nint)(block * BlockColumns);
        var endColumn = (nint)Math.Min(firstColumn + BlockColumns, work->Columns);
        var rows = (nint)work->Rows;
        for (nint row = 0; row < rows; row += RowsAtOnce)
        {
            var endRow = Math.Min(row + RowsAtOnce, rows);
            var column = firstColumn;
            for (; column <= endColumn - TSimd.Width; column += TSimd.Width)
                AddRows<TTerm, TSimd, TVector, AllLanes>(target, term, row, endRow, column, default);
            if (column < endColumn)
                AddRows<TTerm, TSimd, TVector, FirstLanes>(target, term, row, endRow, column, new FirstLanes((int)(endColumn - column)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRows<TTerm, TSimd, TVector, TLanes>(float* target, in TTerm term, nint row, nint endRow, nint column, TLanes lanes)
        where TTerm : unmanaged, IColumnTerm
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TLanes : struct, ILanes
    {
        var sum = lanes.Load<TSimd, TVector>(target + column);
        for (; row < endRow; row++)
            sum = term.Add<TSimd, TVector, TLanes>(sum, row, column, lanes);
        lanes.Store<TSimd, TVector>(target + column, sum);
    }

    private struct Work<TTerm>
    {
        public TTerm Term;
        public float* Target;
        public long Rows;
        public long Columns;
    }
}
