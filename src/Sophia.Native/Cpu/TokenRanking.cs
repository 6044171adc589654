namespace Sophia.Native.Cpu;

/// <summary>
/// The tokens of a row by falling logit, equal logits by rising id, as far as they are needed: a binary heap over ids, in memory of the caller.
/// Probabilities rise with logits, so this is the order of top-k and top-p; comparing logits, no two of them are made equal by a rounded exponential.
/// </summary>
internal unsafe ref struct TokenRanking
{
    private readonly float* _logits;
    private readonly int* _ids;
    private int _count;

    private TokenRanking(float* logits, int* ids, int count)
    {
        _logits = logits;
        _ids = ids;
        _count = count;
    }

    /// <summary>The tokens not yet taken, in no order.</summary>
    public readonly ReadOnlySpan<int> Rest => new(_ids, _count);

    /// <summary>The first <paramref name="keep"/> tokens of the ranking.</summary>
    /// <param name="logits">[<paramref name="vocabulary"/>]; no NaN.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="keep">From 1 to V.</param>
    /// <param name="ids">Memory for as many ids.</param>
    public static TokenRanking Create(float* logits, int vocabulary, int keep, int* ids)
    {
        TokenRanking ranking = new(logits, ids, keep);
        for (int token = 0; token < keep; token++)
            ids[token] = token;
        if (keep < vocabulary)
        {
            // The last of the ranking stands on top of the heap; a token that ranks before it takes its place. Later ids lose a tie.
            for (int parent = keep / 2 - 1; parent >= 0; parent--)
                ranking.Sift(parent, last: true);
            for (int token = keep; token < vocabulary; token++)
            {
                if (logits[token] > logits[ids[0]])
                {
                    ids[0] = token;
                    ranking.Sift(0, last: true);
                }
            }
        }
        for (int parent = keep / 2 - 1; parent >= 0; parent--)
            ranking.Sift(parent, last: false);
        return ranking;
    }

    /// <summary>The tokens whose logit is at least <paramref name="minimum"/>.</summary>
    /// <param name="logits">[<paramref name="vocabulary"/>].</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="minimum">At most the maximum of the row.</param>
    /// <param name="ids">Memory for V ids.</param>
    public static TokenRanking CreateFrom(float* logits, int vocabulary, float minimum, int* ids)
    {
        int count = 0;
        for (int token = 0; token < vocabulary; token++)
        {
            ids[count] = token;
            count += logits[token] >= minimum ? 1 : 0;
        }
        TokenRanking ranking = new(logits, ids, count);
        for (int parent = count / 2 - 1; parent >= 0; parent--)
            ranking.Sift(parent, last: false);
        return ranking;
    }

    /// <summary>Takes the next token of the ranking; it stays behind the rest in the ids' memory.</summary>
    public int Take()
    {
        int first = _ids[0];
        _count--;
        _ids[0] = _ids[_count];
        _ids[_count] = first;
        Sift(0, last: false);
        return first;
    }

    private readonly void Sift(int parent, bool last)
    {
        int id = _ids[parent];
        while (true)
        {
            int child = 2 * parent + 1;
            if (child >= _count)
                break;
            if (child + 1 < _count && Precedes(_ids[child + 1], _ids[child]) != last)
                child++;
            if (Precedes(_ids[child], id) == last)
                break;
            _ids[parent] = _ids[child];
            parent = child;
        }
        _ids[parent] = id;
    }

    private readonly bool Precedes(int left, int right) => _logits[left] > _logits[right] || (_logits[left] == _logits[right] && left < right);
}
