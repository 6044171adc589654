using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>
/// What the head and the sampler know of a row of logits z: the maximum, the sum of exp(z - maximum), and that sum weighted by z - maximum.
/// </summary>
/// <remarks>
/// One function for all who need it, so that a log-probability recorded while sampling is bitwise that of training. The sums run in sixteen lanes (column v belongs to lane v mod 16,
/// in blocks of 4096 columns so that long rows lose no digits), the same on every path; nothing depends on other rows or on how rows are cut into chunks.
/// </remarks>
internal readonly unsafe struct RowStatistics
{
    private const int Lanes = 16;
    private const int BlockColumns = 4096;

    private RowStatistics(float maximum, float sum, float weightedSum, float logSum)
    {
        Maximum = maximum;
        Sum = sum;
        WeightedSum = weightedSum;
        LogSum = logSum;
    }

    /// <summary>max z.</summary>
    public float Maximum { get; }

    /// <summary>The sum of exp(z - maximum).</summary>
    public float Sum { get; }

    /// <summary>The sum of exp(z - maximum) * (z - maximum).</summary>
    public float WeightedSum { get; }

    /// <summary>log of <see cref="Sum"/>.</summary>
    public float LogSum { get; }

    /// <summary>logsumexp(z) - sum softmax(z) * z, in nats.</summary>
    public float Entropy => LogSum - WeightedSum / Sum;

    /// <summary>z - logsumexp(z) of one column.</summary>
    public float LogProbability(float logit) => logit - Maximum - LogSum;

    /// <summary>Multiplies a row by <paramref name="factor"/>, unless it is 1, and gives its maximum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float ScaleAndFindMaximum<TSimd, TVector>(float* row, nint columns, float factor)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        TVector factors = TSimd.Create(factor);
        TVector first = TSimd.Create(float.NegativeInfinity);
        TVector second = first;
        nint column = 0;
        for (; column + 2 * TSimd.Width <= columns; column += 2 * TSimd.Width)
        {
            TVector a = TSimd.Load(row + column);
            TVector b = TSimd.Load(row + column + TSimd.Width);
            if (factor != 1f)
            {
                a = TSimd.Multiply(a, factors);
                b = TSimd.Multiply(b, factors);
                TSimd.Store(row + column, a);
                TSimd.Store(row + column + TSimd.Width, b);
            }
            first = TSimd.Max(a, first);
            second = TSimd.Max(b, second);
        }
        float maximum = TSimd.MaxAcross(TSimd.Max(first, second));
        for (; column < columns; column++)
        {
            if (factor != 1f)
                row[column] *= factor;
            if (row[column] > maximum)
                maximum = row[column];
        }
        return maximum;
    }

    /// <summary>The sums of a row whose maximum is known.</summary>
    /// <param name="row">[columns]; with <paramref name="replace"/> overwritten with exp(z - maximum).</param>
    /// <param name="columns">V.</param>
    /// <param name="maximum">Of the row.</param>
    /// <param name="replace">Whether to keep the exponentials in place of the logits.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static RowStatistics Create<TSimd, TVector>(float* row, nint columns, float maximum, bool replace)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        TVector reference = TSimd.Create(maximum);
        TVector sum0 = TSimd.Zero, sum1 = TSimd.Zero, weighted0 = TSimd.Zero, weighted1 = TSimd.Zero;
        for (nint block = 0; block < columns; block += BlockColumns)
        {
            nint end = Math.Min(block + BlockColumns, columns);
            TVector s0 = TSimd.Zero, s1 = TSimd.Zero, w0 = TSimd.Zero, w1 = TSimd.Zero;
            nint column = block;
            for (; column + Lanes <= end; column += Lanes)
            {
                TVector difference = TSimd.Subtract(TSimd.Load(row + column), reference);
                TVector exponential = VectorMath<TSimd, TVector>.Exp(difference);
                s0 = TSimd.Add(s0, exponential);
                w0 = TSimd.FusedMultiplyAdd(exponential, Bounded<TSimd, TVector>(difference), w0);
                if (replace)
                    TSimd.Store(row + column, exponential);
                if (TSimd.Width < Lanes)
                {
                    difference = TSimd.Subtract(TSimd.Load(row + column + TSimd.Width), reference);
                    exponential = VectorMath<TSimd, TVector>.Exp(difference);
                    s1 = TSimd.Add(s1, exponential);
                    w1 = TSimd.FusedMultiplyAdd(exponential, Bounded<TSimd, TVector>(difference), w1);
                    if (replace)
                        TSimd.Store(row + column + TSimd.Width, exponential);
                }
            }
            if (column < end)
            {
                int rest = (int)(end - column);
                AddLast<TSimd, TVector>(row + column, Math.Min(rest, TSimd.Width), reference, replace, ref s0, ref w0);
                if (rest > TSimd.Width)
                    AddLast<TSimd, TVector>(row + column + TSimd.Width, rest - TSimd.Width, reference, replace, ref s1, ref w1);
            }
            sum0 = TSimd.Add(sum0, s0);
            sum1 = TSimd.Add(sum1, s1);
            weighted0 = TSimd.Add(weighted0, w0);
            weighted1 = TSimd.Add(weighted1, w1);
        }
        float sum = TSimd.Sum(TSimd.Add(sum0, sum1));
        float weighted = TSimd.Sum(TSimd.Add(weighted0, weighted1));
        return new(maximum, sum, weighted, VectorMath<TSimd, TVector>.Log(sum));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AddLast<TSimd, TVector>(float* row, int count, TVector reference, bool replace, ref TVector sum, ref TVector weighted)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        // Lanes beyond the row hold minus infinity, whose exponential is exactly 0.
        float* last = stackalloc float[Lanes];
        for (int lane = 0; lane < TSimd.Width; lane++)
            last[lane] = lane < count ? row[lane] : float.NegativeInfinity;
        TVector difference = TSimd.Subtract(TSimd.Load(last), reference);
        TVector exponential = VectorMath<TSimd, TVector>.Exp(difference);
        sum = TSimd.Add(sum, exponential);
        weighted = TSimd.FusedMultiplyAdd(exponential, Bounded<TSimd, TVector>(difference), weighted);
        if (replace)
            TSimd.StorePartial(row, exponential, count);
    }

    /// <summary>The difference, bounded where the exponential is 0 anyway: 0 times minus infinity would not be 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Bounded<TSimd, TVector>(TVector difference)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct => TSimd.Max(difference, TSimd.Create(-200f));
}
