using System.Diagnostics;
using System.Globalization;
using Sophia.Native.Cpu;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>
/// The quick table: each product's rate as a share of the multiply-add peak. Peak and product alternate in one process,
/// so that both see the same clock and neighbors; the share is best product over best peak, the spread that of the rounds.
/// </summary>
internal static class MatrixProductTable
{
    private static readonly (int M, int N, int K)[] s_shapes =
    [
        (1024, 1024, 1024), (512, 4864, 896), (2000, 128, 384), (2000, 384, 128), (2000, 128, 128), (512, 512, 512), (384, 128, 2000), (128, 384, 2000),
        (200, 64, 256), (64, 64, 64), (64, 896, 896), (16, 896, 896), (4, 896, 896), (1, 896, 896), (1, 2048, 512), (1, 384, 384),
    ];

    public static int Run(string[] arguments)
    {
        int threads = 0;
        int rounds = 7;
        CpuPath path = InstructionSetPath.Resolve();
        ReadOnlySpan<(int M, int N, int K)> shapes = s_shapes;
        ReadOnlySpan<MatrixLayout> layouts = Enum.GetValues<MatrixLayout>();
        for (int i = 0; i < arguments.Length; i++)
        {
            string value = i + 1 < arguments.Length ? arguments[i + 1] : "";
            switch (arguments[i])
            {
                case "--threads" when int.TryParse(value, CultureInfo.InvariantCulture, out threads) && threads > 0: i++; break;
                case "--rounds" when int.TryParse(value, CultureInfo.InvariantCulture, out rounds) && rounds > 0: i++; break;
                case "--path": path = InstructionSetPath.Resolve(InstructionSetPath.Parse(value)); i++; break;
                case "--shape" when TryParse(value, out (int, int, int) shape): shapes = new[] { shape }; i++; break;
                case "--layout" when Enum.TryParse(value, out MatrixLayout layout): layouts = new[] { layout }; i++; break;
                default:
                    Console.Error.WriteLine($"gemm: unknown or incomplete option '{arguments[i]}'. Known: --threads N, --rounds N, --path avx512|portable, --shape MxNxK, --layout {string.Join('|', Enum.GetNames<MatrixLayout>())}");
                    return 2;
            }
        }

        using WorkerPool pool = new(threads);
        Console.WriteLine($"{path}, {pool.ThreadCount} threads, best of {rounds} rounds, {DateTime.UtcNow:yyyy-MM-dd}");
        Console.WriteLine($"{"M x N x K",-20}{"layout",-25}{"GFLOP/s",10}{"share of peak",16}{"rounds",20}{"microseconds",15}");
        foreach ((int m, int n, int k) in shapes)
        {
            foreach (MatrixLayout layout in layouts)
                Measure(path, pool, rounds, m, n, k, layout);
        }
        return 0;
    }

    private static bool TryParse(string text, out (int M, int N, int K) shape)
    {
        string[] parts = text.Split('x');
        shape = default;
        return parts.Length == 3 && int.TryParse(parts[0], out shape.M) && int.TryParse(parts[1], out shape.N) && int.TryParse(parts[2], out shape.K)
            && shape is { M: > 0, N: > 0, K: > 0 };
    }

    private static void Measure(CpuPath path, WorkerPool pool, int rounds, int m, int n, int k, MatrixLayout layout)
    {
        using MatrixProductCase instance = new(m, n, k, layout);
        double best = double.MaxValue;
        double peak = 0;
        double lowest = double.MaxValue;
        double highest = 0;
        for (int round = 0; round < rounds; round++)
        {
            double roundPeak = PeakProbe.Measure(path, pool);
            double roundBest = double.MaxValue;
            long begin = Stopwatch.GetTimestamp();
            for (int repetition = 0; repetition < 2 || Stopwatch.GetElapsedTime(begin).TotalSeconds < 0.02; repetition++)
            {
                long start = Stopwatch.GetTimestamp();
                MatrixMultiply.Multiply(path, pool, instance.Product);
                roundBest = Math.Min(roundBest, Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
            peak = Math.Max(peak, roundPeak);
            best = Math.Min(best, roundBest);
            double share = instance.Operations / roundBest / roundPeak;
            lowest = Math.Min(lowest, share);
            highest = Math.Max(highest, share);
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{$"{m} x {n} x {k}",-20}{layout,-25}{instance.Operations / best / 1e9,10:F1}{instance.Operations / best / peak,16:P1}{$"{lowest:P0} .. {highest:P0}",20}{best * 1e6,15:F1}"));
    }
}
