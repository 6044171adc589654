using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sophia.Native.Cpu;

/// <summary>
/// Measures the multiply-add peak: twelve independent chains on every worker, nothing but registers. Twelve chains cover
/// the latency (4 cycles) of two multiply-add units.
/// </summary>
internal static unsafe class PeakProbe
{
    private const int Chains = 12;

    /// <summary>Floating-point operations per second (two for a multiply-add), all workers of <paramref name="pool"/> together.</summary>
    /// <param name="path">The instruction-set path.</param>
    /// <param name="pool">The workers to use.</param>
    /// <param name="steps">Rounds of the loop on each worker; a million takes about 2.5 ms.</param>
    public static double Measure(CpuPath path, WorkerPool pool, int steps = 1_000_000)
    {
        long begin = Stopwatch.GetTimestamp();
        if (path == CpuPath.Avx512)
            pool.Run(&Run<Simd512, Vector512<float>>, &steps, pool.ThreadCount);
        else
            pool.Run(&Run<Simd256, Vector256<float>>, &steps, pool.ThreadCount);
        double seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        int width = path == CpuPath.Avx512 ? Simd512.Width : Simd256.Width;
        return 2.0 * Chains * width * steps * pool.ThreadCount / seconds;
    }

    private static void Run<TSimd, TVector>(void* context, int index, int workerIndex)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        float sum = Chain<TSimd, TVector>(*(int*)context);
        if (sum == 0)
            throw new InvalidOperationException("The multiply-add chains of the peak probe vanished.");
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Chain<TSimd, TVector>(int steps)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        TVector x = TSimd.Create(0.9999f);
        TVector y = TSimd.Create(1e-4f);
        TVector a0 = y, a1 = y, a2 = y, a3 = y, a4 = y, a5 = y, a6 = y, a7 = y, a8 = y, a9 = y, a10 = y, a11 = y;
        for (int step = 0; step < steps; step++)
        {
            a0 = TSimd.FusedMultiplyAdd(a0, x, y);
            a1 = TSimd.FusedMultiplyAdd(a1, x, y);
            a2 = TSimd.FusedMultiplyAdd(a2, x, y);
            a3 = TSimd.FusedMultiplyAdd(a3, x, y);
            a4 = TSimd.FusedMultiplyAdd(a4, x, y);
            a5 = TSimd.FusedMultiplyAdd(a5, x, y);
            a6 = TSimd.FusedMultiplyAdd(a6, x, y);
            a7 = TSimd.FusedMultiplyAdd(a7, x, y);
            a8 = TSimd.FusedMultiplyAdd(a8, x, y);
            a9 = TSimd.FusedMultiplyAdd(a9, x, y);
            a10 = TSimd.FusedMultiplyAdd(a10, x, y);
            a11 = TSimd.FusedMultiplyAdd(a11, x, y);
        }
        TVector sum = TSimd.Add(TSimd.Add(TSimd.Add(a0, a1), TSimd.Add(a2, a3)), TSimd.Add(TSimd.Add(a4, a5), TSimd.Add(a6, a7)));
        sum = TSimd.Add(sum, TSimd.Add(TSimd.Add(a8, a9), TSimd.Add(a10, a11)));
        return TSimd.Sum(sum);
    }
}
