using Sophia.Native.Models;
using Sophia.Native.Training.Recipes;

namespace Sophia.Native.Training.Runs;

/// <summary>
/// Which samples each step takes: a pure function of the samples, the recipe and the seed, so that a resumed run sees what the unbroken one would have seen.
/// Epochs follow each other without a gap and a batch may span two; where epochs count, the last batch ends with the last of them, and may be smaller.
/// </summary>
internal sealed class BatchPlanner
{
    private const uint ShufflePurpose = 0x5348_5546;

    private readonly IReadOnlyList<Sample> _samples;
    private readonly Recipe _recipe;
    private readonly ulong _seed;
    private readonly int[] _order;
    private readonly List<int> _batch = [];
    private int _epoch;
    private int _next;
    private long _remaining;

    public BatchPlanner(IReadOnlyList<Sample> samples, Recipe recipe, ulong seed)
    {
        _samples = samples;
        _recipe = recipe;
        _seed = seed;
        _order = new int[samples.Count];
        TotalSteps = recipe.Steps > 0 ? recipe.Steps : CountSteps();
        Restart();
    }

    public int TotalSteps { get; }

    /// <summary>Whether a batch holds more than all samples, so that a step sees some of them several times.</summary>
    public bool RepeatsWithinAStep
    {
        get
        {
            if (_recipe.Steps == 0 && _recipe.Epochs == 1)
                return false;
            if (_recipe.BatchSequences > 0)
                return _recipe.BatchSequences > _samples.Count;
            var tokens = 0L;
            foreach (var sample in _samples)
                tokens += sample.Length;
            return tokens < _recipe.BatchTokens;
        }
    }

    /// <summary>The indices of the next step's samples.</summary>
    public IReadOnlyList<int> Next()
    {
        _batch.Clear();
        var tokens = 0;
        while (_remaining > 0 && (_recipe.BatchSequences > 0 ? _batch.Count < _recipe.BatchSequences : tokens < _recipe.BatchTokens))
        {
            if (_next == _order.Length)
            {
                _epoch++;
                Reorder();
            }
            var index = _order[_next++];
            _batch.Add(index);
            tokens += _samples[index].Length;
            _remaining--;
        }
        return _batch;
    }

    /// <summary>How many batches the epochs make, found by making them: a batch of tokens ends where its samples happen to reach the number.</summary>
    private int CountSteps()
    {
        Restart();
        var steps = 0;
        while (_remaining > 0)
        {
            Next();
            steps++;
        }
        return steps;
    }

    private void Restart()
    {
        _epoch = 0;
        _remaining = _recipe.Steps > 0 ? long.MaxValue : (long)_order.Length * _recipe.Epochs;
        Reorder();
    }

    private void Reorder()
    {
        _next = 0;
        if (_recipe.Shuffle)
        {
            Philox.Permute(_order, (uint)_epoch, ShufflePurpose, _seed);
            return;
        }
        for (var i = 0; i < _order.Length; i++)
            _order[i] = i;
    }
}
