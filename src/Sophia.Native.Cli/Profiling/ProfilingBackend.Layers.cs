using System.Diagnostics;
using Sophia.Native.Objectives;
using Sophia.Native.Rewards;

namespace Sophia.Native.Cli.Profiling;

/// <summary>Normalizations, positions, activations, residuals and embeddings: bound by bytes.</summary>
internal sealed partial class ProfilingBackend
{
    protected override void CacheAppendCore(DeviceView keyCache, DeviceView valueCache, DeviceView key, DeviceView value, DeviceView rows)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.CacheAppend(keyCache, valueCache, key, value, rows);
        var end = Wait();
        End("CacheAppend", begin, end, 0, OperationBytes.Of(key, value, key, value));
    }

    protected override void EmbeddingForwardCore(DeviceView output, DeviceView table, DeviceView ids, DeviceView visual, DeviceView visualRows)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.EmbeddingForward(output, table, ids, visual, visualRows);
        var end = Wait();
        End("EmbeddingForward", begin, end, 0, OperationBytes.Of(output, output, ids));
    }

    protected override void EmbeddingBackwardCore(DeviceView dTable, DeviceView dVisual, DeviceView dOutput, DeviceView ids, DeviceView visualRows)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.EmbeddingBackward(dTable, dVisual, dOutput, ids, visualRows);
        var end = Wait();
        End("EmbeddingBackward", begin, end, 0, OperationBytes.Of(dOutput, dOutput, ids));
    }

    protected override void GeluForwardCore(DeviceView output, DeviceView input)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.GeluForward(output, input);
        var end = Wait();
        End("GeluForward", begin, end, 0, OperationBytes.Of(output, input));
    }

    protected override void GeluBackwardCore(DeviceView dInput, DeviceView dOutput, DeviceView input)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.GeluBackward(dInput, dOutput, input);
        var end = Wait();
        End("GeluBackward", begin, end, 0, OperationBytes.Of(dInput, dOutput, input));
    }

    protected override void LayerNormForwardCore(DeviceView output, DeviceView mean, DeviceView inverseDeviation, DeviceView input, DeviceView weight, DeviceView bias, float epsilon)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.LayerNormForward(output, mean, inverseDeviation, input, weight, bias, epsilon);
        var end = Wait();
        End("LayerNormForward", begin, end, 0, OperationBytes.Of(output, mean, inverseDeviation, input, weight, bias));
    }

    protected override void LayerNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dBias, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView mean, DeviceView inverseDeviation, bool accumulate)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.LayerNormBackward(dInput, dWeight, dBias, dOutput, input, weight, mean, inverseDeviation, accumulate);
        var end = Wait();
        End("LayerNormBackward", begin, end, 0, OperationBytes.Of(dInput, dWeight, dBias, dOutput, input, weight, mean, inverseDeviation));
    }

    protected override void ResidualForwardCore(DeviceView output, DeviceView residual, DeviceView branch, DeviceView scale)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.ResidualForward(output, residual, branch, scale);
        var end = Wait();
        End("ResidualForward", begin, end, 0, OperationBytes.Of(output, residual, branch, scale));
    }

    protected override void ResidualBackwardCore(DeviceView dBranch, DeviceView dScale, DeviceView dOutput, DeviceView branch, DeviceView scale)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.ResidualBackward(dBranch, dScale, dOutput, branch, scale);
        var end = Wait();
        End("ResidualBackward", begin, end, 0, OperationBytes.Of(dBranch, dScale, dOutput, branch, scale));
    }

    protected override void RmsNormForwardCore(DeviceView output, DeviceView inverseRms, DeviceView input, DeviceView weight, float epsilon)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.RmsNormForward(output, inverseRms, input, weight, epsilon);
        var end = Wait();
        End("RmsNormForward", begin, end, 0, OperationBytes.Of(output, inverseRms, input, weight));
    }

    protected override void RmsNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView inverseRms, bool accumulate)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.RmsNormBackward(dInput, dWeight, dOutput, input, weight, inverseRms, accumulate);
        var end = Wait();
        End("RmsNormBackward", begin, end, 0, OperationBytes.Of(dInput, dWeight, dOutput, input, weight, inverseRms));
    }

    protected override void RopeCore(DeviceView values, DeviceView table, DeviceView positions, int headSize, bool inverse)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.Rope(values, table, positions, headSize, inverse);
        var end = Wait();
        End("Rope", begin, end, 0, OperationBytes.Of(values, values, positions));
    }

    protected override void SwiGluForwardCore(DeviceView output, DeviceView gateUp)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.SwiGluForward(output, gateUp);
        var end = Wait();
        End("SwiGluForward", begin, end, 0, OperationBytes.Of(output, gateUp));
    }

    protected override void SwiGluBackwardCore(DeviceView dGateUp, DeviceView dOutput, DeviceView gateUp)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.SwiGluBackward(dGateUp, dOutput, gateUp);
        var end = Wait();
        End("SwiGluBackward", begin, end, 0, OperationBytes.Of(dGateUp, dOutput, gateUp));
    }
}
