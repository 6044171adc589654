using System.Diagnostics;
using System.Text.Json;
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
    /// <exception cref="ArgumentException">The model trains a group that the recipe freezes, or the other way round.</exception>
    /// <exception cref="InvalidDataException">A sample is too long, has nothing to train, lacks log-probabilities that the recipe needs, or has another temperature than the others.</exception>
    public TrainingRun(InternVL model, Recipe recipe, IReadOnlyList<Sample> samples, TrainingRunOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(options);
        _model = model;
        _samples = samples;
        _options = options;
        _recipe = recipe with { Ratio = EffectiveRatio(recipe) };
        _checkpoints = Path.Combine(options.OutputFolder, "checkpoints");
        CheckGroups();
        CheckSamples();
        _temperature = SharedTemperature();
        _fingerprint = RunFingerprint.Of(_recipe, options.Seed, samples, model.Parameters.Storage);
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
        using var metrics = new MetricsFile(Path.Combine(_options.OutputFolder, "metrics.jsonl"));
        AtomicFile.FlushFolder(_options.OutputFolder);
        var newest = TrainingCheckpoint.FindNewest(_checkpoints);
        if (newest is not null)
            TrainingCheckpoint.Read(newest, trainer, _fingerprint);
        metrics.CutAfter(trainer.Optimizer.StepCount);
        var planner = new BatchPlanner(_samples, _recipe, _options.Seed);
        if (planner.RepeatsWithinAStep)
            _options.Notice?.Invoke($"A batch holds more than all {_samples.Count} records, so that a step takes some of them several times.");
        var snapshots = !NeedsSnapshots ? []
            : newest is null ? PolicySnapshots.Take(_options.OutputFolder, trainer, _samples)
            : PolicySnapshots.Read(_options.OutputFolder, _samples);
        for (var step = 1; step <= planner.TotalSteps; step++)
        {
            var batch = planner.Next();
            if (step <= trainer.Optimizer.StepCount)
                continue;
            Step(trainer, batch, snapshots, step, planner.TotalSteps, metrics);
            var interrupted = cancellation.IsCancellationRequested;
            if (interrupted || step == planner.TotalSteps || (_recipe.CheckpointEvery > 0 && step % _recipe.CheckpointEvery == 0))
                newest = Save(trainer, metrics);
            if (interrupted && step < planner.TotalSteps)
                throw new OperationCanceledException($"Interrupted after step {step} of {planner.TotalSteps}; its state is in {newest}.", cancellation);
        }
        return newest ?? Save(trainer, metrics);
    }

    private void Step(Trainer trainer, IReadOnlyList<int> batch, float[][] snapshots, int step, int totalSteps, MetricsFile metrics)
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
            var saved = Save(trainer, metrics);
            throw new TrainingDivergedException($"Step {step}: expected a finite loss and gradient, found loss {report.Loss} and gradient norm {report.GradientNorm} ({place};"
                + $" samples '{samples[0].Id}' to '{samples[^1].Id}'). The parameters before the step are in {saved}.");
        }
        metrics.Write(json =>
        {
            var block = trainer.Metrics;
            json.WriteNumber("step", step);
            json.WriteNumber("loss", report.Loss);
            json.WriteNumber("grad_norm", report.GradientNorm);
            json.WriteNumber("lr", learningRate);
            json.WriteNumber("tokens", tokens);
            json.WriteNumber("trained_tokens", block.Tokens);
            json.WriteNumber("seconds", seconds);
            WriteFinite(json, "entropy", block.Entropy);
            WriteFinite(json, "ratio_mean", block.RatioMean);
            WriteFinite(json, "ratio_max", block.RatioMaximum);
            WriteFinite(json, "ratio_p50", block.RatioPercentile(0.5));
            WriteFinite(json, "ratio_p95", block.RatioPercentile(0.95));
            WriteFinite(json, "clip_fraction", block.ClipFraction);
            WriteFinite(json, "behavior_kl", block.BehaviorDivergence);
            WriteFinite(json, "reference_kl", block.ReferenceDivergence);
            WriteFinite(json, "effective_sample_share", block.EffectiveSampleShare);
        });
        _options.Progress?.Invoke(new(step, totalSteps, report, learningRate, tokens / Math.Max(seconds, 1e-9)));
    }

    /// <summary>A ratio before clipping may exceed the numbers, which is no reason to stop: JSON has no word for it but null.</summary>
    private static void WriteFinite(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value))
            json.WriteNumber(name, value);
        else
            json.WriteNull(name);
    }

    /// <summary>With the initial policy as reference its log-probabilities take the place of the record's.</summary>
    private Sample Prepare(Sample sample, float[][] snapshots, int index) =>
        _recipe.Divergence != DivergenceEstimator.None && _recipe.Reference == ReferenceSource.Initial ? sample with { ReferenceLogProbabilities = snapshots[index] } : sample;

    private bool NeedsSnapshots =>
        (_recipe.Ratio != ImportanceRatio.One && _recipe.Behavior == BehaviorSource.Snapshot) || _recipe.Ratio == ImportanceRatio.Multiple
        || (_recipe.Divergence != DivergenceEstimator.None && _recipe.Reference == ReferenceSource.Initial);

    /// <summary>The metrics first, so that they are never behind the checkpoint that a resumption cuts them to.</summary>
    private string Save(Trainer trainer, MetricsFile metrics)
    {
        metrics.FlushToDisk();
        return TrainingCheckpoint.Write(_checkpoints, trainer, _options.Layout, _recipe.SaveBFloat16, _fingerprint, _options.AddFiles);
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
            },
        };
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
                throw new InvalidDataException($"Sample '{sample.Id}' has {sample.Length} tokens, the limit is {limit} ({(isRecipes ? "the recipe's max_sequence_tokens" : "the model's max_position_embeddings")}): shorten it{(isRecipes ? " or raise max_sequence_tokens" : "")}.");
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
        foreach (var group in Enum.GetValues<ParameterGroup>())
        {
            if (_model.Parameters.IsTrained(group) == _recipe.Freeze.Contains(group))
                throw new ArgumentException($"The recipe {(_recipe.Freeze.Contains(group) ? "freezes" : "trains")} the group {group} and the parameter set does not: make the parameter set with the groups that the recipe leaves to train.");
        }
    }
}
