using System.Diagnostics;

namespace Sophia.Native.Benchmarks.Tables;

/// <summary>Seconds of one run of some work: the median of the rounds, the fastest and the slowest.</summary>
/// <param name="Median">Seconds.</param>
/// <param name="Fastest">Seconds.</param>
/// <param name="Slowest">Seconds.</param>
internal readonly record struct Measurement(double Median, double Fastest, double Slowest)
{
    private const double RoundSeconds = 0.03;
    private const int MostRuns = 1000;

    /// <summary>How far the rounds lie apart, as a share of the median.</summary>
    public double Spread => (Slowest - Fastest) / Median;

    /// <summary>Times work that is only asked for: each round asks for it so often that a round takes some 30 ms, then waits once, so that launches overlap with the device as they do in a step.</summary>
    /// <param name="backend">What to wait for.</param>
    /// <param name="rounds">How many rounds.</param>
    /// <param name="work">The work.</param>
    public static Measurement Of(Backend backend, int rounds, Action work)
    {
        // The first run compiles and allocates, the second is timed to size the rounds.
        work();
        backend.Synchronize();
        var start = Stopwatch.GetTimestamp();
        work();
        backend.Synchronize();
        var runs = (int)Math.Clamp(RoundSeconds / Stopwatch.GetElapsedTime(start).TotalSeconds, 1, MostRuns);
        var seconds = new double[rounds];
        for (var round = 0; round < rounds; round++)
        {
            start = Stopwatch.GetTimestamp();
            for (var run = 0; run < runs; run++)
                work();
            backend.Synchronize();
            seconds[round] = Stopwatch.GetElapsedTime(start).TotalSeconds / runs;
        }
        Array.Sort(seconds);
        return new(seconds[rounds / 2], seconds[0], seconds[^1]);
    }
}
