namespace Sophia.Native.Models.Generation;

/// <summary>
/// Makes the tokens of prompt and continuation less probable, as transformers does (RepetitionPenaltyLogitsProcessor): the logit of each of them, however often it occurred, is divided by the penalty
/// if it is positive and multiplied by it if not, before temperature and truncation. It works on the host on one row of logits a sequence: nothing but sampling knows of it.
/// </summary>
internal sealed class RepetitionPenalty
{
    private readonly float _penalty;
    private readonly float[] _row;

    /// <param name="penalty">Above 0; above 1 it discourages.</param>
    /// <param name="vocabulary">V.</param>
    public RepetitionPenalty(float penalty, int vocabulary)
    {
        _penalty = penalty;
        _row = new float[vocabulary];
    }

    /// <summary>Changes a row of logits, [1, V].</summary>
    public void Apply(Backend backend, DeviceView logits, Occurred tokens)
    {
        backend.Download<float>(_row, logits);
        foreach (var id in tokens.Ids)
            _row[id] = _row[id] > 0 ? _row[id] / _penalty : _row[id] * _penalty;
        backend.Upload<float>(logits, _row);
    }

    /// <summary>The tokens that occurred in a sequence, each once.</summary>
    /// <param name="vocabulary">V.</param>
    /// <param name="length">The longest the sequence gets.</param>
    public sealed class Occurred(int vocabulary, int length)
    {
        private readonly bool[] _has = new bool[vocabulary];
        private readonly int[] _ids = new int[Math.Min(vocabulary, length)];
        private int _count;

        public ReadOnlySpan<int> Ids => _ids.AsSpan(0, _count);

        public void Add(int id)
        {
            if (_has[id])
                return;
            _has[id] = true;
            _ids[_count++] = id;
        }
    }
}
