namespace Sophia.Native.Training.Runs;

/// <summary>The order in which a run takes the samples of one source: pass after pass without a gap, every pass in another order.</summary>
/// <param name="first">Index of the source's first sample among all.</param>
/// <param name="count">Number of its samples.</param>
/// <param name="share">Its part of the run's sequences, above 0 and at most 1.</param>
/// <param name="purpose">What the random numbers are for: another one for every source.</param>
/// <param name="seed">Seed of the run; null for the order of the file.</param>
internal sealed class SampleOrder(int first, int count, double share, uint purpose, ulong? seed)
{
    private readonly int[] _order = new int[count];
    private uint _pass;
    private int _next;

    /// <summary>Number of samples.</summary>
    public int Count => count;

    /// <summary>The part of the run's sequences.</summary>
    public double Share => share;

    /// <summary>Sequences taken so far.</summary>
    public long Taken { get; private set; }

    /// <summary>Goes back to before the first sequence.</summary>
    public void Restart()
    {
        (_pass, _next, Taken) = (0, 0, 0);
        Reorder();
    }

    /// <summary>The index, among all samples, of the next one.</summary>
    public int Next()
    {
        if (_next == _order.Length)
        {
            _pass++;
            _next = 0;
            Reorder();
        }
        Taken++;
        return first + _order[_next++];
    }

    private void Reorder()
    {
        if (seed is { } key)
        {
            Philox.Permute(_order, _pass, purpose, key);
            return;
        }
        for (var i = 0; i < _order.Length; i++)
            _order[i] = i;
    }
}
