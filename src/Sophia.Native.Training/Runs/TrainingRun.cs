using System.Diagnostics;
using Sophia.Native.Data.Records;
using Sophia.Native.Models;
using Sophia.Native.Objectives;
using Sophia.Native.Training.Recipes;

namespace Sophia.Native.Training.Runs;

/// <summary>
/// Trains by a recipe into a folder. Every step is a pure function of the step before, and checkpoints hold all of it: a run that is killed at any moment and resumed ends bitwise where
/// the unbroken run ends, metrics included but for their seconds.
/// </summary>
public sealed class TrainingRun
{
    private readonly InternVL _model;
    private readonly Recipe _recipe;
    private readonly IReadOnlyList<SampleSource> _sources;
    private readonly IReadOnlyList<Sample> _samples;
    private readonly TrainingRunOptions _options;
    private readonly string _checkpoints;
    private readonly string _fingerprint;
    private readonly float _temperature;

    /// <summary>Prepares a run; nothing is written before <see cref="Execute"/>.</summary>
    /// <param name="model">The model, whose parameter set trains what the recipe does not freeze.</param>
    /// <param name="recipe">The recipe.</param>
    /// <param name="samples">At least one sample with a trained token.</param>
    /// <param name="options">Folder, seed, callbacks.</param>
    /// <exception cref="ArgumentException">The model trains a group that the recipe freezes, or the other way round, or has another adapter than the recipe's.</exception>
    /// <exception cref="InvalidDataException">A sample is too long, has nothing to train, lacks log-probabilities that the recipe needs, or has another temperature than the others.</exception>
    public TrainingRun(InternVL model, Recipe recipe, IReadOnlyList<Sample> samples, TrainingRunOptions options)
        : this(model, recipe, [new SampleSource("samples", samples, 1)], options)
    {
    }

    /// <summary>Prepares a run over several sources; nothing is written before <see cref="Execute"/>.</summary>
    /// <param name="model">The model, whose parameter set trains what the recipe does not freeze.</param>
    /// <param name="recipe">The recipe; its <see cref="Recipe.DataMix"/> is not looked at: who reads the files hands them over as sources.</param>
    /// <param name="sources">At least one source.</param>
    /// <param name="options">Folder, seed, callbacks.</param>
    /// <exception cref="ArgumentException">The model trains a group that the recipe freezes, or the other way round; two sources have one name, or a weight is not above 0.</exception>
    /// <exception cref="InvalidDataException">A source is empty, or a sample is too long, has nothing to train, lacks log-probabilities that the recipe needs, or has another temperature than the others.</exception>
    public TrainingRun(InternVL model, Recipe recipe, IReadOnlyList<SampleSource> sources, TrainingRunOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentNullException.ThrowIfNull(options);
        _model = model;
        _options = options;
        _sources = sources;
        var samples = Gather(sources);
        if (recipe.Objective == ObjectiveKind.SupervisedFineTuning)
        {
            _samples = Unweighted(samples);
            _recipe = recipe with { Ratio = ImportanceRatio.One, ClipLow = null, ClipHigh = null, Divergence = DivergenceEstimator.None };
        }
        else
        {
            _samples = samples;
            _recipe = recipe with { Ratio = EffectiveRatio(recipe) };
        }
        _checkpoints = Path.Combine(options.OutputFolder, "checkpoints");
        CheckGroups();
        CheckSamples();
        _temperature = SharedTemperature();
        _fingerprint = RunFingerprint.Of(_recipe, options.Seed, _samples, model.Parameters.Storage, sources, _recipe.Adapter is null ? null : model.Parameters, model.Config.Text.RopeLength);
    }

    /// <summary>Trains to the end; returns the folder of the last checkpoint.</summary>
    /// <param name="cancellation">Saves a checkpoint after the current step and throws <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="IOException">The folder is not empty and the run is not a resumption, or another run is using it.</exception>
    /// <exception cref="TrainingDivergedException">A loss or gradient was not finite.</exception>
    public string Execute(CancellationToken cancellation = default)
    {
        if (!_options.Resume && Directory.Exists(_options.OutputFolder) && Directory.EnumerateFileSystemEntries(_options.OutputFolder).GetEnumerator().MoveNext())
            throw new IOException($"{_options.OutputFolder}: expected a new or empty folder, found files: choose another folder, or pass --resume to go on with this run.");
        using var trainer = new Trainer(_model, TrainerOptions());
        Directory.CreateDirectory(_checkpoints);
        // Before anything else: what this run clears away may be in use by another one.
        using var runLock = new FolderLock(_options.OutputFolder, "the run");
        using var log = new RunLog(_options.OutputFolder);
        AtomicFile.FlushFolder(_options.OutputFolder);
        var newest = TrainingCheckpoint.FindNewest(_checkpoints);
        if (newest is not null)
            TrainingCheckpoint.Read(newest, trainer, _fingerprint);
        log.Begin(trainer.Optimizer.StepCount);
        var planner = new BatchPlanner(_samples, _sources, _recipe, _options.Seed);
        if (planner.FindRepeatedSource() is >= 0 and var repeated)
            _options.Notice?.Invoke($"A batch holds more than all {_sources[repeated].Samples.Count} records{(_sources.Count > 1 ? $" of {_sources[repeated].Name}" : "")}, so that a step takes some of them several times.");
        var snapshots = !NeedsSnapshots ? []
            : newest is null ? PolicySnapshots.Take(_options.OutputFolder, trainer, _samples)
            : PolicySnapshots.Read(_options.OutputFolder, _samples);
        // A run that was stopped while it evaluated owes that evaluation.
        if (newest is not null && IsEvaluated(trainer.Optimizer.StepCount, planner.TotalSteps) && log.LastEvaluation < trainer.Optimizer.StepCount)
            Evaluate(trainer.Optimizer.StepCount, log, cancellation);
        for (var step = 1; step <= planner.TotalSteps; step++)
        {
            var batch = planner.Next();
            if (step <= trainer.Optimizer.StepCount)
                continue;
            Step(trainer, batch, planner.Counts, snapshots, step, planner.TotalSteps, log);
            var interrupted = cancellation.IsCancellationRequested;
            var isOwed = IsEvaluated(step, planner.TotalSteps) && (interrupted || !TryEvaluate(step, log, cancellation));
            interrupted |= isOwed;
            if (interrupted || step == planner.TotalSteps || (_recipe.CheckpointEvery > 0 && step % _recipe.CheckpointEvery == 0))
                newest = Save(trainer, log);
            if (interrupted && (isOwed || step < planner.TotalSteps))
                throw new OperationCanceledException($"Interrupted after step {step} of {planner.TotalSteps}; its state is in {newest}.", cancellation);
        }
        return newest ?? Save(trainer, log);
    }

    private void Step(Trainer trainer, IReadOnlyList<int> batch, ReadOnlySpan<int> sourceCounts, float[][] snapshots, int step, int totalSteps, RunLog log)
    {
        var samples = new Sample[batch.Count];
        var batchSnapshots = new float[snapshots.Length == 0 ? 0 : batch.Count][];
        var tokens = 0;
        for (var i = 0; i < batch.Count; i++)
        {
            samples[i] = Prepare(_samples[batch[i]], snapshots, batch[i]);
            tokens += samples[i].Length;
            if (snapshots.Length > 0)
                batchSnapshots[i] = snapshots[batch[i]];
        }
        var learningRate = _recipe.LearningRate * _recipe.Schedule.Factor(step, totalSteps);
        var start = Stopwatch.GetTimestamp();
        var report = trainer.Step(samples, learningRate, batchSnapshots, _recipe.Behavior);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (!report.IsFinite)
        {
            var place = NonFinitePlace.Find(trainer, samples);
            var saved = Save(trainer, log);
            throw new TrainingDivergedException($"Step {step}: expected a finite loss and gradient, found loss {report.Loss} and gradient norm {report.GradientNorm} ({place};"
                + $" samples '{samples[0].Id}' to '{samples[^1].Id}'). The parameters before the step are in {saved}.");
        }
        var block = trainer.Metrics;
        log.WriteStep(step,
        [
            new("loss", report.Loss), new("grad_norm", report.GradientNorm), new("lr", learningRate), new("tokens", tokens), new("trained_tokens", block.Tokens), new("seconds", seconds),
            new("entropy", block.Entropy), new("ratio_mean", block.RatioMean), new("ratio_max", block.RatioMaximum), new("ratio_p50", block.RatioPercentile(0.5)),
            new("ratio_p95", block.RatioPercentile(0.95)), new("clip_fraction", block.ClipFraction), new("behavior_kl", block.BehaviorDivergence),
            new("reference_kl", block.ReferenceDivergence), new("effective_sample_share", block.EffectiveSampleShare),
        ], CountsByName(sourceCounts));
        _options.Progress?.Invoke(new(step, totalSteps, report, learningRate, tokens / Math.Max(seconds, 1e-9)));
    }

    private List<KeyValuePair<string, double>> CountsByName(ReadOnlySpan<int> counts)
    {
        var named = new List<KeyValuePair<string, double>>();
        for (var i = 0; counts.Length > 1 && i < counts.Length; i++)
            named.Add(new(_sources[i].Name, counts[i]));
        return named;
    }

    /// <summary>Whether the policy is evaluated after a step: every so many, and after the last.</summary>
    private bool IsEvaluated(int step, int totalSteps) => _options.Evaluate is not null && _recipe.EvaluateEvery > 0 && (step % _recipe.EvaluateEvery == 0 || step == totalSteps);

    /// <summary>False where the run is interrupted meanwhile; nothing is written then.</summary>
    private bool TryEvaluate(int step, RunLog log, CancellationToken cancellation)
    {
        try
        {
            Evaluate(step, log, cancellation);
            return true;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return false;
        }
    }

    private void Evaluate(int step, RunLog log, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        var values = _options.Evaluate!(step, cancellation);
        log.WriteEvaluation(step, [new("seconds", Stopwatch.GetElapsedTime(start).TotalSeconds), .. values]);
    }

    /// <summary>With the initial policy as reference its log-probabilities take the place of the record's.</summary>
    private Sample Prepare(Sample sample, float[][] snapshots, int index) =>
        _recipe.Divergence != DivergenceEstimator.None && _recipe.Reference == ReferenceSource.Initial ? sample with { ReferenceLogProbabilities = snapshots[index] } : sample;

    private bool NeedsSnapshots =>
        (_recipe.Ratio != ImportanceRatio.One && _recipe.Behavior == BehaviorSource.Snapshot) || _recipe.Ratio == ImportanceRatio.Multiple
        || (_recipe.Divergence != DivergenceEstimator.None && _recipe.Reference == ReferenceSource.Initial);

    /// <summary>The metrics first, so that they are never behind the checkpoint that a resumption cuts them to.</summary>
    private string Save(Trainer trainer, RunLog log)
    {
        log.FlushToDisk();
        return TrainingCheckpoint.Write(_checkpoints, trainer, _recipe.SaveBFloat16, _fingerprint, _options);
    }

    private TrainerOptions TrainerOptions()
    {
        var (longest, tiles) = (0, 0);
        foreach (var sample in _samples)
        {
            longest = Math.Max(longest, sample.Length);
            tiles = Math.Max(tiles, sample.TileCount);
        }
        var tokens = Math.Max(_recipe.MicroBatchTokens, longest);
        var perTile = _model.Config.VisualTokensPerTile;
        return new()
        {
            Objective = new()
            {
                Ratio = _recipe.Ratio,
                ClipLow = (float)(_recipe.ClipLow ?? double.NegativeInfinity),
                ClipHigh = (float)(_recipe.ClipHigh ?? double.PositiveInfinity),
                Divergence = _recipe.Divergence,
                DivergenceCoefficient = (float)_recipe.DivergenceCoefficient,
                Temperature = _temperature,
            },
            Normalization = _recipe.Normalization,
            Optimizer = _recipe.Optimizer with { RoundingSeed = _options.Seed },
            MicroBatch = new()
            {
                MaximumTokens = tokens,
                MaximumSequences = Math.Min(_samples.Count, Math.Max(1, tokens / 2)),
                MaximumTiles = tiles == 0 ? 0 : Math.Max(tiles, tokens / perTile),
                Recompute = _recipe.Recompute,
            },
        };
    }

    private static List<Sample> Gather(IReadOnlyList<SampleSource> sources)
    {
        var samples = new List<Sample>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var source in sources)
        {
            if (!(source.Weight > 0 && double.IsFinite(source.Weight)))
                throw new ArgumentException($"{source.Name}: expected a weight above 0, found {source.Weight}.", nameof(sources));
            if (!names.Add(source.Name))
                throw new ArgumentException($"{source.Name}: expected another name for every source, found this one twice.", nameof(sources));
            if (source.Samples.Count == 0 && sources.Count > 1)
                throw new InvalidDataException($"{source.Name}: expected at least one record to train on, found none (records with \"selected\": false are skipped): leave the file out of the mix.");
            samples.AddRange(source.Samples);
        }
        return samples;
    }

    /// <summary>A ratio that needs log mu is one where the records have none and no snapshot is asked for; said once.</summary>
    private ImportanceRatio EffectiveRatio(Recipe recipe)
    {
        if (recipe.Ratio == ImportanceRatio.One || recipe.Behavior == BehaviorSource.Snapshot)
            return recipe.Ratio;
        var known = 0;
        foreach (var sample in _samples)
            known += sample.BehaviorLogProbabilities is not null ? 1 : 0;
        if (known == _samples.Count)
            return recipe.Ratio;
        if (known > 0)
            throw new InvalidDataException($"Expected behavior_logprobs in every record or in none, found them in {known} of {_samples.Count}: set \"behavior\": \"snapshot\", or \"ratio\": \"one\".");
        _options.Notice?.Invoke($"The records have no behavior_logprobs and the recipe asks for no snapshot: the ratio is one instead of {recipe.Ratio.ToString().ToLowerInvariant()}.");
        return ImportanceRatio.One;
    }

    /// <summary>The samples without what supervised fine-tuning does not look at; that a weight is passed over is said once.</summary>
    private List<Sample> Unweighted(IReadOnlyList<Sample> samples)
    {
        var unweighted = new List<Sample>(samples.Count);
        var weighted = 0;
        foreach (var sample in samples)
        {
            weighted += HasWeight(sample) ? 1 : 0;
            unweighted.Add(sample with { TokenWeights = null, BehaviorLogProbabilities = null, ReferenceLogProbabilities = null, Temperature = 1f });
        }
        if (weighted > 0)
            _options.Notice?.Invoke($"{weighted} of {samples.Count} records have a reward or token weights other than 1: the objective sft trains on all of them alike.");
        return unweighted;
    }

    private static bool HasWeight(Sample sample)
    {
        for (var i = 1; sample.LossMask is not null && sample.TokenWeights is not null && i < sample.Length; i++)
        {
            if (sample.LossMask[i] && sample.TokenWeights[i] != 1f)
                return true;
        }
        return false;
    }

    private void CheckSamples()
    {
        if (_samples.Count == 0)
            throw new InvalidDataException("Expected at least one record to train on, found none (records with \"selected\": false are skipped).");
        var positions = _model.MaximumPositions;
        var isRecipes = _recipe.MaximumSequenceTokens > 0 && _recipe.MaximumSequenceTokens < positions;
        var limit = isRecipes ? _recipe.MaximumSequenceTokens : positions;
        foreach (var sample in _samples)
        {
            if (sample.Length > limit)
                throw new InvalidDataException($"Sample '{sample.Id}' has {sample.Length} tokens, the limit is {limit} ({(isRecipes ? "the recipe's max_sequence_tokens" : "the model's " + _model.Config.Text.LengthKey)}): {(isRecipes ? "shorten it or raise max_sequence_tokens" : _model.Config.Text.LengthAdvice)}.");
            _model.Check(sample);
            if (sample.TrainedTokens == 0)
                throw new InvalidDataException($"Sample '{sample.Id}': expected at least one trained token, found none: its response is empty or its loss_mask is zero.");
            if (_recipe.Divergence != DivergenceEstimator.None && _recipe.Reference == ReferenceSource.Record && sample.ReferenceLogProbabilities is null)
                throw new InvalidDataException($"Sample '{sample.Id}': the recipe compares with reference_logprobs, found none: add them, or set \"reference\": \"initial\".");
        }
    }

    /// <summary>The objective has one temperature: that at which the log-probabilities of all samples hold.</summary>
    private float SharedTemperature()
    {
        var first = _samples[0];
        foreach (var sample in _samples)
        {
            if (sample.Temperature != first.Temperature)
                throw new InvalidDataException($"Expected records of one temperature, found {first.Temperature} in '{first.Id}' and {sample.Temperature} in '{sample.Id}': train on them in separate runs, or score them anew at one temperature.");
        }
        return first.Temperature;
    }

    private void CheckGroups()
    {
        if (_recipe.RopeLength > 0 && _model.Config.Text.RopeLength != _recipe.RopeLength)
            throw new ArgumentException($"The recipe's rope_length is {_recipe.RopeLength} and the model's {_model.Config.Text.RopeLength?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "none"}: make the model with TextConfig.RopeLength {_recipe.RopeLength}.");
        foreach (var group in Enum.GetValues<ParameterGroup>())
        {
            var isTrained = _recipe.TrainedGroups.Contains(group);
            if (_model.Parameters.IsTrained(group) != isTrained)
                throw new ArgumentException($"The recipe {(isTrained ? "trains" : "freezes")} the group {group} and the parameter set does not: make the parameter set with the groups that the recipe leaves to train.");
        }
        if (_recipe.Adapter is null)
            return;
        var (expected, found) = (_recipe.Adapter.Resolve(_model.Config, _recipe.Freeze), _model.Parameters.Layout.Adapter!);
        if (found.Rank != expected.Rank || found.Alpha != expected.Alpha)
            throw new ArgumentException(FormattableString.Invariant($"The recipe's adapter has rank {expected.Rank} and alpha {expected.Alpha}, that of the model has rank {found.Rank} and alpha {found.Alpha}: give \"lora\" the adapter's values."));
        if (!found.Modules.ToHashSet(StringComparer.Ordinal).SetEquals(expected.Modules))
            throw new ArgumentException($"The recipe's adapter is for {expected.Modules.Count} linear layers, that of the model for {found.Modules.Count}, others among them: give \"lora\" the adapter's targets and freeze the parts that it leaves alone.");
    }
}
