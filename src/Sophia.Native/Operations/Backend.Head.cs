using Sophia.Native.Objectives;

namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>
    /// Log-probability of the target and entropy of every row's prediction: z = hidden * weight^T * (1 / temperature in fp32), logp = z[target] - logsumexp(z), entropy = logsumexp(z) - sum softmax(z) * z.
    /// Works on chunks of rows x the whole vocabulary, so the logits of the batch never exist; 2*N*C*V operations.
    /// Storage: hidden and weight; logits and all that is per token stay fp32.
    /// </summary>
    /// <param name="logProbabilities">[N], overwritten; 0 where there is no target.</param>
    /// <param name="entropies">[N], overwritten, 0 where there is no target; or absent.</param>
    /// <param name="hidden">[N, C].</param>
    /// <param name="weight">[V, C].</param>
    /// <param name="targets">[N] Int32 in [0, V), or minus one where nothing is predicted.</param>
    /// <param name="workspace">[chunk, V] Float32: logits of a chunk; its size changes no result.</param>
    /// <param name="temperature">Its reciprocal in fp32 multiplies the logits; positive.</param>
    public void HeadForward(DeviceView logProbabilities, DeviceView entropies, DeviceView hidden, DeviceView weight, DeviceView targets, DeviceView workspace, float temperature = 1f)
    {
        CheckHead(hidden, weight, targets, workspace, temperature);
        Require.Vector(logProbabilities, hidden.Rows);
        Require.OptionalVector(entropies, hidden.Rows);
        HeadForwardCore(logProbabilities, entropies, hidden, weight, targets, workspace, temperature);
    }

    /// <summary>
    /// The fused head and objective, forward and backward in one pass over chunks of rows: logits, their statistics, log-probability, entropy, the loss of <see cref="TokenObjective"/> times the
    /// normalizer, in place d loss / d logits = derivative * normalizer * (onehot - softmax) * (1 / temperature in fp32), then dHidden and dWeight. 6*N*C*V operations.
    /// Rows with normalizer 0 or without a target give no gradient.
    /// Storage: dHidden, hidden and weight; with BFloat16 d loss / d logits may enter the two products rounded to BFloat16, sums and dWeight stay fp32.
    /// </summary>
    /// <param name="dHidden">[N, C], overwritten.</param>
    /// <param name="dWeight">[V, C] Float32, added to; absent when frozen.</param>
    /// <param name="results">What is written per token.</param>
    /// <param name="hidden">[N, C].</param>
    /// <param name="weight">[V, C].</param>
    /// <param name="inputs">What is read per token.</param>
    /// <param name="workspace">[chunk, V] Float32: logits of a chunk and their gradients; its size changes no result, with BFloat16 storage from 16 rows on.</param>
    /// <param name="options">The constants of the objective.</param>
    public void HeadObjective(DeviceView dHidden, DeviceView dWeight, in ObjectiveResults results, DeviceView hidden, DeviceView weight, in ObjectiveInputs inputs, DeviceView workspace, in ObjectiveOptions options)
    {
        var storage = CheckHead(hidden, weight, inputs.Targets, workspace, options.Temperature);
        var rows = hidden.Rows;
        Require.Shape(dHidden, rows, hidden.Columns, storage);
        Require.OptionalShape(dWeight, weight.Rows, weight.Columns);
        CheckObjective(inputs, results, rows, options);
        HeadObjectiveCore(dHidden, dWeight, results, hidden, weight, inputs, workspace, options);
    }

    /// <summary>For every sequence the mean over its trained tokens (normalizer not 0) of logProbability - behavior, summed in order, written to each of its rows; 0 for a sequence without trained tokens.</summary>
    /// <param name="sequenceLogRatios">[N], overwritten.</param>
    /// <param name="logProbabilities">[N].</param>
    /// <param name="behaviorLogProbabilities">[N].</param>
    /// <param name="normalizers">[N].</param>
    /// <param name="offsets">[B + 1] Int32: the rows of sequence b.</param>
    public void SequenceLogRatios(DeviceView sequenceLogRatios, DeviceView logProbabilities, DeviceView behaviorLogProbabilities, DeviceView normalizers, DeviceView offsets)
    {
        var rows = logProbabilities.Length;
        Require.Vector(sequenceLogRatios, rows);
        Require.Vector(logProbabilities, rows);
        Require.Vector(behaviorLogProbabilities, rows);
        Require.Vector(normalizers, rows);
        Require.Vector(offsets, offsets.Length, ElementType.Int32);
        SequenceLogRatiosCore(sequenceLogRatios, logProbabilities, behaviorLogProbabilities, normalizers, offsets);
    }

    /// <summary>Adds the trained tokens of a batch to the metrics block, tokens in order; the block's layout is <see cref="ObjectiveMetrics"/>.</summary>
    /// <param name="metrics">[<see cref="ObjectiveMetrics.Length"/>] Float64, added to (its maximum is raised).</param>
    /// <param name="results">Results of <see cref="HeadObjective"/>.</param>
    /// <param name="inputs">Its inputs.</param>
    /// <param name="options">Its constants.</param>
    public void ObjectiveStatistics(DeviceView metrics, in ObjectiveResults results, in ObjectiveInputs inputs, in ObjectiveOptions options)
    {
        Require.Vector(metrics, ObjectiveMetrics.Length, ElementType.Float64);
        CheckObjective(inputs, results, inputs.Targets.Length, options);
        ObjectiveStatisticsCore(metrics, results, inputs, options);
    }

    /// <inheritdoc cref="HeadForward"/>
    protected abstract void HeadForwardCore(DeviceView logProbabilities, DeviceView entropies, DeviceView hidden, DeviceView weight, DeviceView targets, DeviceView workspace, float temperature);

    /// <inheritdoc cref="HeadObjective"/>
    protected abstract void HeadObjectiveCore(DeviceView dHidden, DeviceView dWeight, in ObjectiveResults results, DeviceView hidden, DeviceView weight, in ObjectiveInputs inputs, DeviceView workspace, in ObjectiveOptions options);

    /// <inheritdoc cref="SequenceLogRatios"/>
    protected abstract void SequenceLogRatiosCore(DeviceView sequenceLogRatios, DeviceView logProbabilities, DeviceView behaviorLogProbabilities, DeviceView normalizers, DeviceView offsets);

    /// <inheritdoc cref="ObjectiveStatistics"/>
    protected abstract void ObjectiveStatisticsCore(DeviceView metrics, in ObjectiveResults results, in ObjectiveInputs inputs, in ObjectiveOptions options);

    private ElementType CheckHead(DeviceView hidden, DeviceView weight, DeviceView targets, DeviceView workspace, float temperature)
    {
        const string operation = "Head";
        var storage = Require.Storage(this, weight, operation: operation);
        Require.Shape(hidden, hidden.Rows, weight.Columns, storage, operation: operation);
        Require.Vector(targets, hidden.Rows, ElementType.Int32, operation: operation);
        Require.Shape(workspace, Math.Max(1, workspace.Rows), weight.Rows, operation: operation);
        Require.That(temperature > 0, $"a positive temperature, found {temperature}", operation);
        return storage;
    }

    private static void CheckObjective(in ObjectiveInputs inputs, in ObjectiveResults results, long rows, in ObjectiveOptions options)
    {
        const string operation = "Objective";
        Require.Vector(inputs.Targets, rows, ElementType.Int32, operation: operation);
        Require.Vector(inputs.Weights, rows, operation: operation);
        Require.Vector(inputs.Normalizers, rows, operation: operation);
        Require.OptionalVector(inputs.BehaviorLogProbabilities, rows, operation: operation);
        Require.OptionalVector(inputs.SnapshotLogProbabilities, rows, operation: operation);
        Require.OptionalVector(inputs.ReferenceLogProbabilities, rows, operation: operation);
        Require.OptionalVector(inputs.SequenceLogRatios, rows, operation: operation);
        Require.Vector(results.LogProbabilities, rows, operation: operation);
        Require.Vector(results.Entropies, rows, operation: operation);
        Require.Vector(results.Losses, rows, operation: operation);
        Require.Vector(results.Ratios, rows, operation: operation);
        var ratio = options.Ratio;
        Require.That(ratio is not (ImportanceRatio.Token or ImportanceRatio.Multiple) || !inputs.BehaviorLogProbabilities.IsAbsent, $"behavior log-probabilities for the ratio {ratio}", operation);
        Require.That(ratio != ImportanceRatio.Multiple || !inputs.SnapshotLogProbabilities.IsAbsent, "snapshot log-probabilities for the ratio Multiple", operation);
        Require.That(ratio != ImportanceRatio.Sequence || !inputs.SequenceLogRatios.IsAbsent, "sequence log ratios for the ratio Sequence", operation);
        Require.That(options.Divergence == DivergenceEstimator.None || !inputs.ReferenceLogProbabilities.IsAbsent, $"reference log-probabilities for the divergence {options.Divergence}", operation);
        Require.That(options.ClipLow <= options.ClipHigh, $"clip bounds in order, found [{options.ClipLow}, {options.ClipHigh}]", operation);
    }
}
