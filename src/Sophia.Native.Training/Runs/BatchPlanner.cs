using Sophia.Native.Models;
using Sophia.Native.Training.Recipes;

namespace Sophia.Native.Training.Runs;

/// <summary>
/// Which samples each step takes: a pure function of the samples, the recipe and the seed, so that a resumed run sees what the unbroken one would have seen.
/// Epochs follow each other without a gap; a batch may span two.
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

    public BatchPlanner(IReadOnlyList<Sample> samples, Recipe recipe, ulong seed)
    {
        _samples = samples;
        _recipe = recipe;
        _seed = seed;
        _order = new int[samples.Count];
        Reorder();
        TotalSteps = recipe.Steps > 0 ? recipe.Steps : CountSteps(samples, recipe);
    }

    public int TotalSteps { get; }

    /// <summary>The indices of the next step's samples.</summary>
    public IReadOnlyList<int> Next()
    {
        _batch.Clear();
        var tokens = 0;
        while (_recipe.BatchSequences > 0 ? _batch.Count < _recipe.BatchSequences : tokens < _recipe.BatchTokens)
        {
            if (_next == _order.Length)
            {
                _epoch++;
                Reorder();
            }
            var index = _order[_next++];
            _batch.Add(index);
            tokens += _samples[index].Length;
        }
        return _batch;
    }

    private static int CountSteps(IReadOnlyList<Sample> samples, Recipe recipe)
    {
        long total = 0;
        foreach (var sample in samples)
            total += recipe.BatchSequences > 0 ? 1 : sample.Length;
        long batch = recipe.BatchSequences > 0 ? recipe.BatchSequences : recipe.BatchTokens;
        return (int)Math.Max(1, (total * recipe.Epochs + batch - 1) / batch);
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
