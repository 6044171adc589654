using System.Diagnostics;

namespace Sophia.Native.Cli.Profiling;

/// <summary>What a backend reaches at best: a product of 1024-cubed matrices and a copy of 64 MiB, the best of five runs each.</summary>
/// <param name="OperationsPerSecond">Of the product, 2 per multiply-add.</param>
/// <param name="BytesPerSecond">Of the copy, read and written.</param>
internal readonly record struct BackendBound(double OperationsPerSecond, double BytesPerSecond)
{
    private const int Side = 1024;
    private const int CopyElements = 16 << 20;
    private const int Runs = 5;

    public static BackendBound Measure(Backend backend)
    {
        using var buffer = backend.Allocate(2L * CopyElements * sizeof(float));
        var whole = buffer.AsView();
        backend.Fill(whole, 1e-3f);
        var (first, second) = (whole.ColumnRange(0, CopyElements), whole.ColumnRange(CopyElements, CopyElements));
        DeviceView Matrix(int index) => whole.ColumnRange((long)index * Side * Side, Side * Side).Reshape(Side, Side);
        var copy = Best(backend, () => backend.Copy(second, first));
        var product = Best(backend, () => backend.LinearForward(Matrix(0), Matrix(1), Matrix(2)));
        return new(2.0 * Side * Side * Side / product, 2.0 * CopyElements * sizeof(float) / copy);
    }

    /// <summary>The least time that so many operations and bytes can take.</summary>
    public double Seconds(double operations, double bytes) => Math.Max(operations / OperationsPerSecond, bytes / BytesPerSecond);

    private static double Best(Backend backend, Action work)
    {
        var best = double.PositiveInfinity;
        for (var run = 0; run < Runs; run++)
        {
            var begin = Stopwatch.GetTimestamp();
            work();
            backend.Synchronize();
            best = Math.Min(best, Stopwatch.GetElapsedTime(begin).TotalSeconds);
        }
        return best;
    }
}
