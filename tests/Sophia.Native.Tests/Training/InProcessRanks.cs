using Sophia.Native.Training;

namespace Sophia.Native.Tests.Training;

/// <summary>Ranks that are threads of one process: each puts its values where all can see them, and each adds up those of all in the order of the ranks.</summary>
internal sealed class InProcessRanks(int count)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Barrier _barrier = new(count);
    private readonly double[][] _doubles = new double[count][];
    private readonly float[][] _floats = new float[count][];

    /// <summary>The group as one of its ranks sees it.</summary>
    public IRankGroup this[int rank] => new Rank(this, rank, count);

    private void Meet()
    {
        if (!_barrier.SignalAndWait(Patience))
            throw new TimeoutException("A rank did not come.");
    }

    private sealed class Rank(InProcessRanks all, int rank, int count) : IRankGroup
    {
        public int Count => count;

        public void Sum(Backend backend, DeviceView vector)
        {
            var own = new float[vector.Length];
            backend.Download<float>(own, vector);
            all._floats[rank] = own;
            all.Meet();
            var sum = new float[own.Length];
            foreach (var part in all._floats)
            {
                for (var i = 0; i < sum.Length; i++)
                    sum[i] += part[i];
            }
            all.Meet();
            backend.Upload<float>(vector, sum);
        }

        public void Sum(Span<double> values) => Combine(values, static (left, right) => left + right);

        public void Maximum(Span<double> values) => Combine(values, Math.Max);

        private void Combine(Span<double> values, Func<double, double, double> combine)
        {
            all._doubles[rank] = values.ToArray();
            all.Meet();
            for (var i = 0; i < values.Length; i++)
                values[i] = all._doubles.Select(part => part[i]).Aggregate(combine);
            all.Meet();
        }
    }
}
