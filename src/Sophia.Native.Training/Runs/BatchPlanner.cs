using Sophia.Native.Models;
using Sophia.Native.Training.Recipes;

namespace Sophia.Native.Training.Runs;

/// <summary>
/// Which samples each step takes: a pure function of the samples, the recipe and the seed, so that a resumed run sees what the unbroken one would have seen.
/// Sources take turns so that after n sequences each has given its share of n, less or more by less than one sequence. An epoch is as many sequences as all sources hold; epochs follow each other
/// without a gap and a batch may span two; where epochs count, the last batch ends with the last of them, and may be smaller.
/// </summary>
internal sealed class BatchPlanner
{
    private const uint ShufflePurpose = 0x5348_5546;

    private readonly IReadOnlyList<Sample> _samples;
    private readonly Recipe _recipe;
    private readonly SampleOrder[] _sources;
    private readonly List<int> _batch = [];
    private readonly int[] _counts;
    private long _taken;
    private long _remaining;

    /// <summary>Plans a run.</summary>
    /// <param name="samples">The samples of all sources, one source after the other.</param>
    /// <param name="sources">The sources.</param>
    /// <param name="recipe">Sizes of batches and of the run.</param>
    /// <param name="seed">Seed of the order.</param>
    public BatchPlanner(IReadOnlyList<Sample> samples, IReadOnlyList<SampleSource> sources, Recipe recipe, ulong seed)
    {
        _samples = samples;
        _recipe = recipe;
        _sources = new SampleOrder[sources.Count];
        _counts = new int[sources.Count];
        var weights = 0.0;
        foreach (var source in sources)
            weights += source.Weight;
        var first = 0;
        for (var i = 0; i < _sources.Length; i++)
        {
            _sources[i] = new(first, sources[i].Samples.Count, sources[i].Weight / weights, ShufflePurpose + (uint)i, recipe.Shuffle ? seed : null);
            first += sources[i].Samples.Count;
        }
        TotalSteps = recipe.Steps > 0 ? recipe.Steps : CountSteps();
        Restart();
    }

    public int TotalSteps { get; }

    /// <summary>How many sequences of the last batch came from each source.</summary>
    public ReadOnlySpan<int> Counts => _counts;

    /// <summary>The first source of which a batch takes more than all samples, so that a step sees some of them several times; -1 where there is none.</summary>
    public int FindRepeatedSource()
    {
        var sequences = Math.Min(SequencesOfABatch(), _recipe.Steps > 0 ? double.PositiveInfinity : (double)_samples.Count * _recipe.Epochs);
        for (var i = 0; i < _sources.Length; i++)
        {
            if (_sources[i].Share * sequences > _sources[i].Count)
                return i;
        }
        return -1;
    }

    /// <summary>The indices of the next step's samples.</summary>
    public IReadOnlyList<int> Next()
    {
        _batch.Clear();
        _counts.AsSpan().Clear();
        var tokens = 0;
        while (_remaining > 0 && (_recipe.BatchSequences > 0 ? _batch.Count < _recipe.BatchSequences : tokens < _recipe.BatchTokens))
        {
            var source = NextSource();
            var index = _sources[source].Next();
            _counts[source]++;
            _batch.Add(index);
            tokens += _samples[index].Length;
            _remaining--;
        }
        return _batch;
    }

    /// <summary>
    /// Whose turn it is. The j-th sequence of a source with share s is due between j / s and (j + 1) / s sequences of the run; of those that may come now the one that is due first comes, the first
    /// source where two are due together. Earliest deadline first keeps every source within one sequence of its share (Baruah and others, Proportionate progress, 1996).
    /// </summary>
    private int NextSource()
    {
        _taken++;
        var (next, earliest) = (-1, double.PositiveInfinity);
        for (var i = 0; i < _sources.Length; i++)
        {
            var source = _sources[i];
            var due = (source.Taken + 1) / source.Share;
            // A single source may always come, whatever rounding says.
            if ((source.Taken < _taken * source.Share || _sources.Length == 1) && due < earliest)
                (next, earliest) = (i, due);
        }
        return next;
    }

    private double SequencesOfABatch()
    {
        if (_recipe.BatchSequences > 0)
            return _recipe.BatchSequences;
        var (mean, at) = (0.0, 0);
        foreach (var source in _sources)
        {
            var tokens = 0L;
            for (var i = 0; i < source.Count; i++)
                tokens += _samples[at++].Length;
            mean += source.Share * tokens / source.Count;
        }
        return _recipe.BatchTokens / mean;
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
        _taken = 0;
        _remaining = _recipe.Steps > 0 ? long.MaxValue : (long)_samples.Count * _recipe.Epochs;
        foreach (var source in _sources)
            source.Restart();
    }
}
