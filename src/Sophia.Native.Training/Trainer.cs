using System.Runtime.InteropServices;
using Sophia.Native.Models;
using Sophia.Native.Objectives;

namespace Sophia.Native.Training;

/// <summary>
/// Optimizes a model step by step: micro-batches under the token budget, their gradients added up, the norm, AdamW. Two runs over the same samples are bitwise equal,
/// whatever the number of threads, and the loss does not depend on how the batch falls into micro-batches. On the CPU neither do the gradients: their sums go on where the micro-batch before ended; on CUDA
/// the gradient of a parameter is summed within a micro-batch first, so that its last bits do. After the first step nothing is allocated.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly TrainerOptions _options;
    private readonly ModelWorkspace _workspace;
    /// <summary>What the host reads of a step, in one copy: the objective's metrics, then the state of the gradients.</summary>
    private readonly DeviceBuffer _reportBuffer;
    private readonly double[] _report = new double[ObjectiveMetrics.Length + (Backend.GradientStateLength * sizeof(float) / sizeof(double))];
    private readonly float[] _normalizers;

    /// <summary>Allocates optimizer state and workspace.</summary>
    /// <param name="model">The model; its parameter set names the trained groups.</param>
    /// <param name="options">Objective, optimizer and sizes.</param>
    public Trainer(InternVL model, TrainerOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        Model = model;
        _options = options;
        _reportBuffer = model.Backend.Allocate(_report.Length * sizeof(double));
        Optimizer = new(model.Parameters, options.Optimizer, new(_reportBuffer, ObjectiveMetrics.Length * sizeof(double), 1, Backend.GradientStateLength, Backend.GradientStateLength, ElementType.Float32));
        _workspace = ModelWorkspace.Allocate(model.Backend, model.Config, options.MicroBatch with
        {
            Storage = model.Parameters.Storage,
            Training = true,
            TrainsProjector = model.Parameters.ReceivesGradients(ParameterGroup.Projector),
            TrainsVision = model.Parameters.ReceivesGradients(ParameterGroup.Vision),
            Adapter = model.Parameters.Layout.Adapter,
        });
        _normalizers = new float[options.MicroBatch.MaximumTokens];
    }

    /// <summary>The model.</summary>
    public InternVL Model { get; }

    /// <summary>The optimizer and its state.</summary>
    public AdamWOptimizer Optimizer { get; }

    /// <summary>The metrics of the last step.</summary>
    public ObjectiveMetrics Metrics => new(_report.AsSpan(0, ObjectiveMetrics.Length));

    private DeviceView MetricsView => _reportBuffer.AsView(ElementType.Float64).ColumnRange(0, ObjectiveMetrics.Length);

    /// <summary>Bytes of the workspace.</summary>
    public long WorkspaceBytes => _workspace.Bytes;

    /// <summary>One step over a batch: forward and backward of every micro-batch, then the update, unless loss or gradients are not finite: then no parameter and no moment changes.</summary>
    /// <param name="samples">The batch, at least one sample with a trained token; with several ranks this one's share of it, which may be empty as long as not all are.</param>
    /// <param name="learningRate">Of this step.</param>
    /// <param name="snapshots">[samples] the policy's log-probabilities at the start of the round, an entry per token; empty where the ratio does not need them.</param>
    /// <param name="behavior">Where log mu comes from.</param>
    /// <exception cref="InvalidDataException">No sample has a trained token, a sample does not fit, or it lacks the log-probabilities that ratio or divergence need.</exception>
    /// <exception cref="ArgumentException">The ratio needs snapshots and there is not one for each sample, of its length.</exception>
    public StepReport Step(ReadOnlySpan<Sample> samples, double learningRate, ReadOnlySpan<float[]> snapshots = default, BehaviorSource behavior = BehaviorSource.Record)
    {
        var backend = Model.Backend;
        var totals = TotalsOfAllRanks(samples);
        if (totals.Tokens == 0)
            throw new InvalidDataException($"Expected a batch with at least one trained token, found none in {samples.Length} samples (first: '{(samples.IsEmpty ? "" : samples[0].Id)}').");
        CheckNeeds(samples, snapshots, behavior);
        Model.Parameters.ClearGradients();
        backend.Fill(_reportBuffer.AsView(ElementType.Float64), 0f);
        for (var first = 0; first < samples.Length;)
        {
            var count = MicroBatchLength(samples[first..]);
            Accumulate(samples.Slice(first, count), snapshots.IsEmpty ? default : snapshots.Slice(first, count), behavior, totals);
            first += count;
        }
        _options.Ranks.Sum(backend, Model.Parameters.Gradients);
        Optimizer.MeasureGradients();
        backend.Download<double>(_report, _reportBuffer.AsView(ElementType.Float64));
        SumMetrics(_report.AsSpan(0, ObjectiveMetrics.Length));
        var state = MemoryMarshal.Cast<double, float>(_report.AsSpan(ObjectiveMetrics.Length));
        // A loss may overflow where its gradient does not, so that the device's flag alone would let the update through.
        var report = new StepReport(_report[ObjectiveMetrics.LossIndex], state[0], state[2] == 1f && double.IsFinite(_report[ObjectiveMetrics.LossIndex]));
        if (report.IsFinite)
            Optimizer.Update(learningRate);
        return report;
    }

    /// <summary>Adds the gradients of a batch without an update and without the other ranks; for checks and for other optimizers.</summary>
    /// <param name="samples">The batch, within one micro-batch.</param>
    /// <returns>The loss.</returns>
    public double AccumulateGradients(ReadOnlySpan<Sample> samples)
    {
        CheckNeeds(samples, default, BehaviorSource.Record);
        Model.Backend.Fill(_reportBuffer.AsView(ElementType.Float64), 0f);
        Accumulate(samples, default, BehaviorSource.Record, Totals(samples));
        Model.Backend.Download<double>(_report, _reportBuffer.AsView(ElementType.Float64));
        return _report[ObjectiveMetrics.LossIndex];
    }

    /// <summary>The policy's log-probabilities of a batch's tokens at the objective's temperature.</summary>
    /// <param name="samples">Any number of samples.</param>
    /// <param name="logProbabilities">[samples], each overwritten by [T] with 0 for the first token.</param>
    public void Snapshot(ReadOnlySpan<Sample> samples, Span<float[]> logProbabilities)
    {
        for (var first = 0; first < samples.Length;)
        {
            var count = MicroBatchLength(samples[first..]);
            _workspace.Batch.Pack(samples.Slice(first, count), Model.ImageTokenId);
            Model.Forward(_workspace);
            var (packed, _) = Model.Score(_workspace, _options.Objective.Temperature);
            var host = _normalizers.AsSpan(0, _workspace.Batch.TokenCount);
            Model.Backend.Download(host, packed);
            for (var i = 0; i < count; i++)
            {
                var length = samples[first + i].Length;
                var own = new float[length];
                host.Slice(_workspace.Batch.Offsets[i], length - 1).CopyTo(own.AsSpan(1));
                logProbabilities[first + i] = own;
            }
            first += count;
        }
    }

    /// <summary>Frees optimizer state and workspace, not the model.</summary>
    public void Dispose()
    {
        Optimizer.Dispose();
        _workspace.Dispose();
        _reportBuffer.Dispose();
    }

    /// <summary>Missing log-probabilities would be read as zeros, which is a ratio of some kind, but not the one that was asked for.</summary>
    private void CheckNeeds(ReadOnlySpan<Sample> samples, ReadOnlySpan<float[]> snapshots, BehaviorSource behavior)
    {
        var ratio = _options.Objective.Ratio;
        var needsSnapshots = ratio == ImportanceRatio.Multiple || (ratio != ImportanceRatio.One && behavior == BehaviorSource.Snapshot);
        if (!snapshots.IsEmpty || needsSnapshots)
            CheckSnapshots(samples, snapshots);
        var needsBehavior = ratio != ImportanceRatio.One && behavior == BehaviorSource.Record;
        var needsReference = _options.Objective.Divergence != DivergenceEstimator.None;
        foreach (var sample in samples)
        {
            if (needsBehavior && sample.BehaviorLogProbabilities is null)
                throw new InvalidDataException($"Sample '{sample.Id}': the ratio needs log-probabilities of the behavior policy, found none: add them, train with a snapshot, or with the ratio one.");
            if (needsReference && sample.ReferenceLogProbabilities is null)
                throw new InvalidDataException($"Sample '{sample.Id}': the divergence term needs log-probabilities of the reference, found none.");
        }
    }

    private static void CheckSnapshots(ReadOnlySpan<Sample> samples, ReadOnlySpan<float[]> snapshots)
    {
        if (snapshots.Length != samples.Length)
            throw new ArgumentException($"Expected a snapshot for each of {samples.Length} samples, found {snapshots.Length}: take them with Snapshot at the start of the round.", nameof(snapshots));
        for (var i = 0; i < samples.Length; i++)
        {
            if (snapshots[i].Length != samples[i].Length)
                throw new ArgumentException($"Expected a snapshot of {samples[i].Length} entries for sample '{samples[i].Id}', found {snapshots[i].Length}.", nameof(snapshots));
        }
    }

    private static LossTotals Totals(ReadOnlySpan<Sample> samples)
    {
        var (tokens, sequences, roots) = (0L, 0L, 0.0);
        foreach (var sample in samples)
        {
            var trained = sample.TrainedTokens;
            if (trained == 0)
                continue;
            tokens += trained;
            sequences++;
            roots += Math.Sqrt(trained);
        }
        return new(tokens, sequences, roots);
    }

    /// <summary>What the normalizers divide by is of the whole step, whichever rank has which of its samples.</summary>
    private LossTotals TotalsOfAllRanks(ReadOnlySpan<Sample> samples)
    {
        var own = Totals(samples);
        Span<double> values = [own.Tokens, own.Sequences, own.RootLengths];
        _options.Ranks.Sum(values);
        return new((long)values[0], (long)values[1], values[2]);
    }

    /// <summary>Every entry of the block is a sum over tokens but one.</summary>
    private void SumMetrics(Span<double> metrics)
    {
        Span<double> maximum = [metrics[ObjectiveMetrics.RatioMaximumIndex]];
        _options.Ranks.Sum(metrics);
        _options.Ranks.Maximum(maximum);
        metrics[ObjectiveMetrics.RatioMaximumIndex] = maximum[0];
    }

    /// <summary>How many of the next samples fit into a micro-batch together.</summary>
    private int MicroBatchLength(ReadOnlySpan<Sample> samples)
    {
        var plan = _options.MicroBatch;
        var (count, tokens, tiles) = (0, 0, 0);
        while (count < samples.Length && count < plan.MaximumSequences)
        {
            tokens += samples[count].Length;
            tiles += samples[count].TileCount;
            if (tokens > plan.MaximumTokens || tiles > plan.MaximumTiles)
                break;
            count++;
        }
        if (count == 0)
            throw new InvalidDataException($"Sample '{samples[0].Id}' has {samples[0].Length} tokens and {samples[0].TileCount} tiles, a micro-batch holds {plan.MaximumTokens} and {plan.MaximumTiles}: raise micro_batch_tokens or shorten it.");
        return count;
    }

    private void Accumulate(ReadOnlySpan<Sample> samples, ReadOnlySpan<float[]> snapshots, BehaviorSource behavior, in LossTotals totals)
    {
        var batch = _workspace.Batch;
        batch.Pack(samples, Model.ImageTokenId);
        var normalizers = _normalizers.AsSpan(0, batch.TokenCount);
        if (!snapshots.IsEmpty)
            UploadSnapshots(snapshots, normalizers);
        LossNormalization.Fill(normalizers, batch.Trained, batch.Offsets, _options.Normalization, totals);
        batch.SetNormalizers(normalizers);
        Model.Forward(_workspace);
        var behaviorView = _options.Objective.Ratio == ImportanceRatio.One ? default
            : behavior == BehaviorSource.Snapshot ? batch.SnapshotLogProbabilities : batch.BehaviorLogProbabilities;
        Model.Backward(_workspace, _options.Objective, MetricsView, behaviorView);
    }

    /// <summary>Shifts the snapshots to the rows that predict their tokens.</summary>
    private void UploadSnapshots(ReadOnlySpan<float[]> snapshots, Span<float> staging)
    {
        var batch = _workspace.Batch;
        staging.Clear();
        for (var i = 0; i < snapshots.Length; i++)
            snapshots[i].AsSpan(1).CopyTo(staging[batch.Offsets[i]..]);
        Model.Backend.Upload<float>(batch.SnapshotLogProbabilities, staging);
    }
}
