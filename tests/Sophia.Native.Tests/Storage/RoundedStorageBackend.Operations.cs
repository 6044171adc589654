using Sophia.Native.Objectives;

namespace Sophia.Native.Tests.Storage;

/// <summary>The operations with stored arguments.</summary>
internal sealed partial class RoundedStorageBackend
{
    protected override void AttentionForwardCore(DeviceView output, DeviceView logSumExp, DeviceView query, DeviceView key, DeviceView value, in AttentionSequences sequences, int headSize, float scale)
    {
        using var twins = Begin();
        _inner.AttentionForward(twins.Update(output), logSumExp, twins.Read(query), twins.Read(key), twins.Read(value), sequences, headSize, scale);
    }

    protected override void AttentionBackwardCore(DeviceView dQuery, DeviceView dKey, DeviceView dValue, DeviceView delta, DeviceView dOutput, DeviceView query, DeviceView key, DeviceView value,
        DeviceView output, DeviceView logSumExp, in AttentionSequences sequences, int headSize, float scale)
    {
        using var twins = Begin();
        _inner.AttentionBackward(twins.Update(dQuery), twins.Update(dKey), twins.Update(dValue), delta, twins.Read(dOutput), twins.Read(query), twins.Read(key), twins.Read(value), twins.Read(output),
            logSumExp, sequences, headSize, scale);
    }

    protected override void CacheAppendCore(DeviceView keyCache, DeviceView valueCache, DeviceView key, DeviceView value, DeviceView rows)
    {
        using var twins = Begin();
        _inner.CacheAppend(twins.Update(keyCache), twins.Update(valueCache), twins.Read(key), twins.Read(value), rows);
    }

    protected override void EmbeddingForwardCore(DeviceView output, DeviceView table, DeviceView ids, DeviceView visual, DeviceView visualRows)
    {
        using var twins = Begin();
        _inner.EmbeddingForward(twins.Write(output), twins.Read(table), ids, twins.Read(visual), visualRows);
    }

    protected override void EmbeddingBackwardCore(DeviceView dTable, DeviceView dVisual, DeviceView dOutput, DeviceView ids, DeviceView visualRows)
    {
        using var twins = Begin();
        _inner.EmbeddingBackward(dTable, twins.Update(dVisual), twins.Read(dOutput), ids, visualRows);
    }

    protected override void GeluForwardCore(DeviceView output, DeviceView input)
    {
        using var twins = Begin();
        _inner.GeluForward(twins.Write(output), twins.Read(input));
    }

    protected override void GeluBackwardCore(DeviceView dInput, DeviceView dOutput, DeviceView input)
    {
        using var twins = Begin();
        _inner.GeluBackward(twins.Write(dInput), twins.Read(dOutput), twins.Read(input));
    }

    protected override void HeadForwardCore(DeviceView logProbabilities, DeviceView entropies, DeviceView hidden, DeviceView weight, DeviceView targets, DeviceView workspace, float temperature)
    {
        using var twins = Begin();
        _inner.HeadForward(logProbabilities, entropies, twins.Read(hidden), twins.Read(weight), targets, workspace, temperature);
    }

    protected override void HeadObjectiveCore(DeviceView dHidden, DeviceView dWeight, in ObjectiveResults results, DeviceView hidden, DeviceView weight, in ObjectiveInputs inputs, DeviceView workspace, in ObjectiveOptions options)
    {
        using var twins = Begin();
        _inner.HeadObjective(twins.Write(dHidden), dWeight, results, twins.Read(hidden), twins.Read(weight), inputs, workspace, options);
    }

    protected override void LayerNormForwardCore(DeviceView output, DeviceView mean, DeviceView inverseDeviation, DeviceView input, DeviceView weight, DeviceView bias, float epsilon)
    {
        using var twins = Begin();
        _inner.LayerNormForward(twins.Write(output), mean, inverseDeviation, twins.Read(input), twins.Read(weight), twins.Read(bias), epsilon);
    }

    protected override void LayerNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dBias, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView mean, DeviceView inverseDeviation, bool accumulate)
    {
        using var twins = Begin();
        _inner.LayerNormBackward(twins.Update(dInput), dWeight, dBias, twins.Read(dOutput), twins.Read(input), twins.Read(weight), mean, inverseDeviation, accumulate);
    }

    protected override void LinearForwardCore(DeviceView output, DeviceView input, DeviceView weight, DeviceView bias)
    {
        using var twins = Begin();
        _inner.LinearForward(twins.Write(output), twins.Read(input), twins.Read(weight), twins.Read(bias));
    }

    protected override void LinearBackwardInputCore(DeviceView dInput, DeviceView dOutput, DeviceView weight, bool accumulate)
    {
        using var twins = Begin();
        _inner.LinearBackwardInput(twins.Update(dInput), twins.Read(dOutput), twins.Read(weight), accumulate);
    }

    protected override void LinearBackwardWeightCore(DeviceView dWeight, DeviceView dOutput, DeviceView input)
    {
        using var twins = Begin();
        _inner.LinearBackwardWeight(dWeight, twins.Read(dOutput), twins.Read(input));
    }

    protected override void LinearBackwardBiasCore(DeviceView dBias, DeviceView dOutput)
    {
        using var twins = Begin();
        _inner.LinearBackwardBias(dBias, twins.Read(dOutput));
    }

    protected override void PositionInterpolationForwardCore(DeviceView output, DeviceView positions, int gridHeight, int gridWidth)
    {
        using var twins = Begin();
        _inner.PositionInterpolationForward(twins.Write(output), twins.Read(positions), gridHeight, gridWidth);
    }

    protected override void ResidualForwardCore(DeviceView output, DeviceView residual, DeviceView branch, DeviceView scale)
    {
        using var twins = Begin();
        _inner.ResidualForward(twins.Write(output), twins.Read(residual), twins.Read(branch), twins.Read(scale));
    }

    protected override void ResidualBackwardCore(DeviceView dBranch, DeviceView dScale, DeviceView dOutput, DeviceView branch, DeviceView scale)
    {
        using var twins = Begin();
        _inner.ResidualBackward(twins.Write(dBranch), dScale, twins.Read(dOutput), twins.Read(branch), twins.Read(scale));
    }

    protected override void RmsNormForwardCore(DeviceView output, DeviceView inverseRms, DeviceView input, DeviceView weight, float epsilon)
    {
        using var twins = Begin();
        _inner.RmsNormForward(twins.Write(output), inverseRms, twins.Read(input), twins.Read(weight), epsilon);
    }

    protected override void RmsNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView inverseRms, bool accumulate)
    {
        using var twins = Begin();
        _inner.RmsNormBackward(twins.Update(dInput), dWeight, twins.Read(dOutput), twins.Read(input), twins.Read(weight), inverseRms, accumulate);
    }

    protected override void RopeCore(DeviceView values, DeviceView table, DeviceView positions, int headSize, bool inverse)
    {
        using var twins = Begin();
        _inner.Rope(twins.Update(values), table, positions, headSize, inverse);
    }

    protected override void SwiGluForwardCore(DeviceView output, DeviceView gateUp)
    {
        using var twins = Begin();
        _inner.SwiGluForward(twins.Write(output), twins.Read(gateUp));
    }

    protected override void SwiGluBackwardCore(DeviceView dGateUp, DeviceView dOutput, DeviceView gateUp)
    {
        using var twins = Begin();
        _inner.SwiGluBackward(twins.Write(dGateUp), twins.Read(dOutput), twins.Read(gateUp));
    }

    protected override void PatchExtractCore(DeviceView patches, DeviceView pixels, int height, int width, int patchSize)
    {
        using var twins = Begin();
        _inner.PatchExtract(twins.Write(patches), pixels, height, width, patchSize);
    }

    protected override void VisionTokensForwardCore(DeviceView output, DeviceView patches, DeviceView classToken, DeviceView positions)
    {
        using var twins = Begin();
        _inner.VisionTokensForward(twins.Write(output), twins.Read(patches), twins.Read(classToken), twins.Read(positions));
    }

    protected override void VisionTokensBackwardCore(DeviceView dPatches, DeviceView dClassToken, DeviceView dPositions, DeviceView dOutput, int patchCount)
    {
        using var twins = Begin();
        _inner.VisionTokensBackward(twins.Write(dPatches), dClassToken, dPositions, twins.Read(dOutput), patchCount);
    }

    protected override void PixelShuffleForwardCore(DeviceView output, DeviceView input, int gridHeight, int gridWidth)
    {
        using var twins = Begin();
        _inner.PixelShuffleForward(twins.Write(output), twins.Read(input), gridHeight, gridWidth);
    }

    protected override void PixelShuffleBackwardCore(DeviceView dInput, DeviceView dOutput, int gridHeight, int gridWidth)
    {
        using var twins = Begin();
        _inner.PixelShuffleBackward(twins.Write(dInput), twins.Read(dOutput), gridHeight, gridWidth);
    }
}
