using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sophia.Native.Cpu;

/// <summary>
/// Single-precision matrix products on one or all workers of a pool.
/// </summary>
/// <remarks>
/// The law of bits: every element of C is the sequential chain acc = start; for k = 0 .. K-1: acc = fma(A[m, k], B[k, n], acc)
/// with start 0 or the old C; then, if there is one, + bias[n]. So the bits of an element depend on its row of A, its
/// column of B and nothing else: not on M, N, tiles, blocks, threads, the instruction-set path, or the position in the
/// matrix. Between blocks of k the chain goes on from the stored C.
/// The methods here choose the path; the work is in <see cref="MatrixMultiply{TSimd, TVector}"/>.
/// </remarks>
internal static unsafe class MatrixMultiply
{
    /// <summary>
    /// Computes the product on all workers of <paramref name="pool"/>; from inside a work item of the pool, on the calling worker alone.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply(CpuPath path, WorkerPool pool, in MatrixProduct product)
    {
        if (path == CpuPath.Avx512)
            MatrixMultiply<Simd512, Vector512<float>>.Multiply(pool, product);
        else
            MatrixMultiply<Simd256, Vector256<float>>.Multiply(pool, product);
    }

    /// <summary>
    /// Computes the product on the calling thread, for use inside work items; <paramref name="scratch"/> is that of its
    /// worker (the slot <see cref="ScratchSlot.MatrixPanels"/> is used).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyOnWorker(CpuPath path, WorkerScratch scratch, in MatrixProduct product)
    {
        if (path == CpuPath.Avx512)
            MatrixMultiply<Simd512, Vector512<float>>.MultiplyOnWorker(scratch, product);
        else
            MatrixMultiply<Simd256, Vector256<float>>.MultiplyOnWorker(scratch, product);
    }
}
