using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sophia.Native.Cpu;

/// <summary>What an operation does with one row. It holds its operands.</summary>
internal interface IRowOperator
{
    /// <summary>Computes a row, which depends on no other.</summary>
    void Apply<TSimd, TVector>(nint row)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct;
}

/// <summary>The one loop of all operations that treat a row as a whole (norms, rotations, gathered rows): blocks of rows are shared out to the workers.</summary>
internal static unsafe class RowLoop
{
    private const long BlockElements = 16 * 1024;

    /// <param name="path">The instruction path.</param>
    /// <param name="pool">The workers.</param>
    /// <param name="rowwise">The operator.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Elements of a row, from which the size of a block follows.</param>
    public static void Run<TOperator>(CpuPath path, WorkerPool pool, TOperator rowwise, long rows, long columns)
        where TOperator : unmanaged, IRowOperator
    {
        if (rows <= 0)
            return;
        Work<TOperator> work;
        work.Operator = rowwise;
        work.Rows = rows;
        work.BlockRows = Math.Max(1, BlockElements / Math.Max(1, columns));
        var blocks = checked((int)((rows + work.BlockRows - 1) / work.BlockRows));
        if (path == CpuPath.Avx512)
            pool.Run(&RunBlock<TOperator, Simd512, Vector512<float>>, &work, blocks);
        else
            pool.Run(&RunBlock<TOperator, Simd256, Vector256<float>>, &work, blocks);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunBlock<TOperator, TSimd, TVector>(void* context, int block, int workerIndex)
        where TOperator : unmanaged, IRowOperator
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var work = (Work<TOperator>*)context;
        var row = (nint)(block * work->BlockRows);
        var end = (nint)Math.Min(row + work->BlockRows, work->Rows);
        var rowwise = work->Operator;
        for (; row < end; row++)
            rowwise.Apply<TSimd, TVector>(row);
    }

    private struct Work<TOperator>
    {
        public TOperator Operator;
        public long Rows;
        public long BlockRows;
    }
}
