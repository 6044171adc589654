using System.Diagnostics;
using System.Security.Cryptography;
using System.Runtime.InteropServices;
using System.Text;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;
using Sophia.Native.Objectives;
using Sophia.Native.Training.Recipes;

namespace Sophia.Native.Training.Runs;

/// <summary>A loss or a gradient was not finite; the parameters are those before the step, and are saved.</summary>
/// <param name="message">Where it happened and where the last good state is.</param>
public sealed class TrainingDivergedException(string message) : Exception(message);

/// <summary>Where a run is.</summary>
/// <param name="Step">The step that is done, from 1.</param>
/// <param name="TotalSteps">Steps of the run.</param>
/// <param name="Report">What the step reported.</param>
/// <param name="LearningRate">Of the step.</param>
/// <param name="TokensPerSecond">Tokens of the step over its seconds.</param>
public readonly record struct TrainingProgress(int Step, int TotalSteps, StepReport Report, double LearningRate, double TokensPerSecond);

/// <summary>What a run needs besides model, recipe and samples.</summary>
public sealed record TrainingRunOptions
{
    /// <summary>OUT: metrics.jsonl and checkpoints/.</summary>
    public required string OutputFolder { get; init; }

    /// <summary>Go on from the newest complete checkpoint, or from the beginning where there is none.</summary>
    public bool Resume { get; init; }

    /// <summary>Seed of the order of samples.</summary>
    public ulong Seed { get; init; }

    /// <summary>Layout of the saved model.</summary>
    public CheckpointLayout Layout { get; init; } = CheckpointLayout.HuggingFace;

    /// <summary>Adds files to a checkpoint's folder, such as those of the tokenizer.</summary>
    public Action<string>? AddFiles { get; init; }

    /// <summary>Called after every step.</summary>
    public Action<TrainingProgress>? Progress { get; init; }

    /// <summary>Called with what a user should know once.</summary>
    public Action<string>? Notice { get; init; }
}

/// <summary>
/// Trains by a recipe into a folder. Every step is a pure function of the step before, and checkpoints hold all of it: a run that is killed at any moment and resumed ends bitwise where
/// the unbroken run ends, metrics included but for their seconds.
/// </summary>
public sealed class TrainingRun
{
    private const string SnapshotFile = "snapshot.safetensors";

    private readonly InternVL _model;
    private readonly Recipe _recipe;
    private readonly IReadOnlyList<Sample> _samples;
    private readonly TrainingRunOptions _options;
    private readonly string _checkpoints;
    private readonly string _fingerprint;

    /// <summary>Prepares a run; nothing is written before <see cref="Execute"/>.</summary>
    /// <param name="model">The model, whose parameter set trains what the recipe does not freeze.</param>
    /// <param name="recipe">The recipe.</param>
    /// <param name="samples">At least one sample with a trained token.</param>
    /// <param name="options">Folder, seed, callbacks.</param>
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
        CheckSamples();
        _fingerprint = Fingerprint();
    }

    /// <summary>Trains to the end; returns the folder of the last checkpoint.</summary>
    /// <param name="cancellation">Saves a checkpoint after the current step and throws <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="IOException">The folder is not empty and the run is not a resumption.</exception>
    /// <exception cref="TrainingDivergedException">A loss or gradient was not finite.</exception>
    public string Execute(CancellationToken cancellation = default)
    {
        if (!_options.Resume && Directory.Exists(_options.OutputFolder) && Directory.EnumerateFileSystemEntries(_options.OutputFolder).GetEnumerator().MoveNext())
            throw new IOException($"{_options.OutputFolder}: expected a new or empty folder, found files: choose another folder, or pass --resume to go on with this run.");
        Directory.CreateDirectory(_checkpoints);
        using var trainer = new Trainer(_model, TrainerOptions());
        var newest = TrainingCheckpoint.FindNewest(_checkpoints);
        if (newest is not null)
            TrainingCheckpoint.Read(newest, trainer, _fingerprint);
        var planner = new BatchPlanner(_samples, _recipe, _options.Seed);
        using var metrics = new MetricsFile(Path.Combine(_options.OutputFolder, "metrics.jsonl"), trainer.Optimizer.StepCount);
        var snapshots = Snapshots(trainer, newest is not null);
        for (var step = 1; step <= planner.TotalSteps; step++)
        {
            var batch = planner.Next();
            if (step <= trainer.Optimizer.StepCount)
                continue;
            Step(trainer, batch, snapshots, step, planner.TotalSteps, metrics);
            var last = step == planner.TotalSteps || cancellation.IsCancellationRequested;
            if (last || (_recipe.CheckpointEvery > 0 && step % _recipe.CheckpointEvery == 0))
            {
                metrics.FlushToDisk();
                newest = Save(trainer);
            }
            cancellation.ThrowIfCancellationRequested();
        }
        return newest ?? Save(trainer);
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
            trainer.Optimizer.StepCount--;
            var saved = Save(trainer);
            throw new TrainingDivergedException($"Step {step}: expected a finite loss and gradient, found loss {report.Loss} and gradient norm {report.GradientNorm}"
                + $" (first non-finite gradient: {FirstNonFinite()}; samples '{samples[0].Id}' to '{samples[^1].Id}'). The parameters before the step are in {saved}.");
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
            json.WriteNumber("entropy", block.Entropy);
            json.WriteNumber("ratio_mean", block.RatioMean);
            json.WriteNumber("ratio_max", block.RatioMaximum);
            json.WriteNumber("ratio_p50", block.RatioPercentile(0.5));
            json.WriteNumber("ratio_p95", block.RatioPercentile(0.95));
            json.WriteNumber("clip_fraction", block.ClipFraction);
            json.WriteNumber("behavior_kl", block.BehaviorDivergence);
            json.WriteNumber("reference_kl", block.ReferenceDivergence);
            json.WriteNumber("effective_sample_share", block.EffectiveSampleShare);
        });
        _options.Progress?.Invoke(new(step, totalSteps, report, learningRate, tokens / Math.Max(seconds, 1e-9)));
    }

    /// <summary>With the initial policy as reference its log-probabilities take the place of the record's.</summary>
    private Sample Prepare(Sample sample, float[][] snapshots, int index) =>
        _recipe.Divergence != DivergenceEstimator.None && _recipe.Reference == ReferenceSource.Initial ? sample with { ReferenceLogProbabilities = snapshots[index] } : sample;

    private bool NeedsSnapshots =>
        (_recipe.Ratio != ImportanceRatio.One && _recipe.Behavior == BehaviorSource.Snapshot) || _recipe.Ratio == ImportanceRatio.Multiple
        || (_recipe.Divergence != DivergenceEstimator.None && _recipe.Reference == ReferenceSource.Initial);

    private float[][] Snapshots(Trainer trainer, bool resumed)
    {
        if (!NeedsSnapshots)
            return [];
        var path = Path.Combine(_options.OutputFolder, SnapshotFile);
        var snapshots = new float[_samples.Count][];
        if (resumed)
        {
            using var file = SafetensorsFile.Open(path);
            var tensor = file["log_probabilities"];
            long first = 0;
            for (var i = 0; i < snapshots.Length; i++)
            {
                snapshots[i] = new float[_samples[i].Length];
                tensor.ReadFloats(first, snapshots[i]);
                first += snapshots[i].Length;
            }
            return snapshots;
        }
        var all = new Sample[_samples.Count];
        long total = 0;
        for (var i = 0; i < all.Length; i++)
        {
            all[i] = _samples[i];
            total += all[i].Length;
        }
        trainer.Snapshot(all, snapshots);
        using var writer = SafetensorsWriter.Create(path, [new("log_probabilities", FileElementType.F32, [total])]);
        foreach (var snapshot in snapshots)
            writer.WriteFloats("log_probabilities", snapshot);
        writer.Commit();
        return snapshots;
    }

    private string Save(Trainer trainer) => TrainingCheckpoint.Write(_checkpoints, trainer, _options.Layout, _recipe.SaveBFloat16, _fingerprint, _options.AddFiles);

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
            },
            Normalization = _recipe.Normalization,
            Optimizer = _recipe.Optimizer,
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
        if (recipe.Ratio == ImportanceRatio.One || (recipe.Behavior == BehaviorSource.Snapshot && recipe.Ratio != ImportanceRatio.Multiple))
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
        var limit = _recipe.MaximumSequenceTokens > 0 ? _recipe.MaximumSequenceTokens : _model.MaximumPositions;
        foreach (var sample in _samples)
        {
            if (sample.Length > limit)
                throw new InvalidDataException($"Sample '{sample.Id}' has {sample.Length} tokens, the limit is {limit}: shorten it or raise max_sequence_tokens.");
            if (sample.TrainedTokens == 0)
                throw new InvalidDataException($"Sample '{sample.Id}': expected at least one trained token, found none: its response is empty or its loss_mask is zero.");
            if (_recipe.Divergence != DivergenceEstimator.None && _recipe.Reference == ReferenceSource.Record && sample.ReferenceLogProbabilities is null)
                throw new InvalidDataException($"Sample '{sample.Id}': the recipe compares with reference_logprobs, found none: add them, or set \"reference\": \"initial\".");
        }
    }

    /// <summary>A hash over all that decides the run, by which a resumption with something else is refused.</summary>
    private string Fingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{_recipe with { Freeze = [] }}|{string.Join(",", _recipe.Freeze)}|{_options.Seed}|"));
        foreach (var sample in _samples)
        {
            hash.AppendData(MemoryMarshal.AsBytes<int>(sample.InputIds));
            hash.AppendData(MemoryMarshal.AsBytes<bool>(sample.LossMask));
            hash.AppendData(MemoryMarshal.AsBytes<float>(sample.TokenWeights));
            hash.AppendData(MemoryMarshal.AsBytes<float>(sample.BehaviorLogProbabilities));
            hash.AppendData(MemoryMarshal.AsBytes<float>(sample.ReferenceLogProbabilities));
            hash.AppendData(MemoryMarshal.AsBytes<float>(sample.PixelValues));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset()[..16]);
    }

    private string FirstNonFinite()
    {
        var parameters = _model.Parameters;
        foreach (var parameter in parameters.Layout.Parameters)
        {
            var gradient = parameters[parameter.Name].Gradient;
            if (gradient.IsAbsent)
                continue;
            var host = new float[gradient.Length];
            _model.Backend.Download<float>(host, gradient);
            foreach (var value in host)
            {
                if (!float.IsFinite(value))
                    return parameter.Name;
            }
        }
        return "none, the loss itself";
    }
}
