using System.Diagnostics;
using Sophia.Native.Objectives;
using Sophia.Native.Rewards;

namespace Sophia.Native.Cli.Profiling;

/// <summary>Matrix products, attention and the head: bound by multiply-adds, 2 operations each.</summary>
internal sealed partial class ProfilingBackend
{
    protected override void AttentionForwardCore(DeviceView output, DeviceView logSumExp, DeviceView query, DeviceView key, DeviceView value, in AttentionSequences sequences, int headSize, float scale)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.AttentionForward(output, logSumExp, query, key, value, in sequences, headSize, scale);
        var end = Wait();
        var (pairs, keys) = AttentionPairs.Count(_inner, sequences);
        End("AttentionForward", begin, end, 4.0 * pairs * query.Columns, OperationBytes.Of(output, query) + 2L * key.Type.Size() * keys * key.Columns);
    }

    protected override void AttentionBackwardCore(DeviceView dQuery, DeviceView dKey, DeviceView dValue, DeviceView delta, DeviceView dOutput, DeviceView query, DeviceView key, DeviceView value, DeviceView output, DeviceView logSumExp, in AttentionSequences sequences, int headSize, float scale)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.AttentionBackward(dQuery, dKey, dValue, delta, dOutput, query, key, value, output, logSumExp, in sequences, headSize, scale);
        var end = Wait();
        var (pairs, keys) = AttentionPairs.Count(_inner, sequences);
        End("AttentionBackward", begin, end, 10.0 * pairs * query.Columns, OperationBytes.Of(output, dOutput, query, dQuery) + 4L * key.Type.Size() * keys * key.Columns);
    }

    protected override void HeadForwardCore(DeviceView logProbabilities, DeviceView entropies, DeviceView hidden, DeviceView weight, DeviceView targets, DeviceView workspace, float temperature)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.HeadForward(logProbabilities, entropies, hidden, weight, targets, workspace, temperature);
        var end = Wait();
        End("HeadForward", begin, end, 2.0 * HeadRows.Count(_inner, targets, default).Forward * weight.Length, OperationBytes.Of(hidden, weight, logProbabilities, entropies));
    }

    protected override void HeadObjectiveCore(DeviceView dHidden, DeviceView dWeight, in ObjectiveResults results, DeviceView hidden, DeviceView weight, in ObjectiveInputs inputs, DeviceView workspace, in ObjectiveOptions options)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.HeadObjective(dHidden, dWeight, in results, hidden, weight, in inputs, workspace, in options);
        var end = Wait();
        var (forward, trained) = HeadRows.Count(_inner, inputs.Targets, inputs.Normalizers);
        End("HeadObjective", begin, end, (2.0 * forward + 4.0 * trained) * weight.Length, OperationBytes.Of(dHidden, dWeight, hidden, weight));
    }

    protected override void SequenceLogRatiosCore(DeviceView sequenceLogRatios, DeviceView logProbabilities, DeviceView behaviorLogProbabilities, DeviceView normalizers, DeviceView offsets)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.SequenceLogRatios(sequenceLogRatios, logProbabilities, behaviorLogProbabilities, normalizers, offsets);
        var end = Wait();
        End("SequenceLogRatios", begin, end, 0, OperationBytes.Of(sequenceLogRatios, logProbabilities, behaviorLogProbabilities, normalizers, offsets));
    }

    protected override void ObjectiveStatisticsCore(DeviceView metrics, in ObjectiveResults results, in ObjectiveInputs inputs, in ObjectiveOptions options)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.ObjectiveStatistics(metrics, in results, in inputs, in options);
        var end = Wait();
        End("ObjectiveStatistics", begin, end, 0, OperationBytes.Of(inputs.Weights, results.LogProbabilities, results.Ratios, results.Losses));
    }

    protected override void LinearForwardCore(DeviceView output, DeviceView input, DeviceView weight, DeviceView bias)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.LinearForward(output, input, weight, bias);
        var end = Wait();
        End("LinearForward", begin, end, 2.0 * input.Rows * weight.Length, OperationBytes.Of(output, input, weight, bias));
    }

    protected override void LinearBackwardInputCore(DeviceView dInput, DeviceView dOutput, DeviceView weight, bool accumulate)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.LinearBackwardInput(dInput, dOutput, weight, accumulate);
        var end = Wait();
        End("LinearBackwardInput", begin, end, 2.0 * dOutput.Rows * weight.Length, OperationBytes.Of(dInput, dOutput, weight));
    }

    protected override void LinearBackwardWeightCore(DeviceView dWeight, DeviceView dOutput, DeviceView input)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.LinearBackwardWeight(dWeight, dOutput, input);
        var end = Wait();
        End("LinearBackwardWeight", begin, end, 2.0 * input.Rows * dWeight.Length, OperationBytes.Of(dWeight, dOutput, input));
    }

    protected override void LinearBackwardBiasCore(DeviceView dBias, DeviceView dOutput)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.LinearBackwardBias(dBias, dOutput);
        var end = Wait();
        End("LinearBackwardBias", begin, end, 0, OperationBytes.Of(dBias, dOutput));
    }
}
