// Operations that are not implemented yet; each leaves this file with its implementation.
using Sophia.Native.Objectives;

namespace Sophia.Native.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void AttentionForwardCore(DeviceView output, DeviceView logSumExp, DeviceView query, DeviceView key, DeviceView value, in AttentionSequences sequences, int headSize, float scale) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void AttentionBackwardCore(DeviceView dQuery, DeviceView dKey, DeviceView dValue, DeviceView delta, DeviceView dOutput, DeviceView query, DeviceView key, DeviceView value, DeviceView output, DeviceView logSumExp, in AttentionSequences sequences, int headSize, float scale) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void CacheAppendCore(DeviceView keyCache, DeviceView valueCache, DeviceView key, DeviceView value, DeviceView rows) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void EmbeddingForwardCore(DeviceView output, DeviceView table, DeviceView ids, DeviceView visual, DeviceView visualRows) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void EmbeddingBackwardCore(DeviceView dTable, DeviceView dVisual, DeviceView dOutput, DeviceView ids, DeviceView visualRows) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void GeluForwardCore(DeviceView output, DeviceView input) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void GeluBackwardCore(DeviceView dInput, DeviceView dOutput, DeviceView input) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void HeadForwardCore(DeviceView logProbabilities, DeviceView entropies, DeviceView hidden, DeviceView weight, DeviceView targets, DeviceView workspace, float temperature) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void HeadObjectiveCore(DeviceView dHidden, DeviceView dWeight, in ObjectiveResults results, DeviceView hidden, DeviceView weight, in ObjectiveInputs inputs, DeviceView workspace, in ObjectiveOptions options) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void SequenceLogRatiosCore(DeviceView sequenceLogRatios, DeviceView logProbabilities, DeviceView behaviorLogProbabilities, DeviceView normalizers, DeviceView offsets) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void ObjectiveStatisticsCore(DeviceView metrics, in ObjectiveResults results, in ObjectiveInputs inputs, in ObjectiveOptions options) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void LayerNormForwardCore(DeviceView output, DeviceView mean, DeviceView inverseDeviation, DeviceView input, DeviceView weight, DeviceView bias, float epsilon) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void LayerNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dBias, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView mean, DeviceView inverseDeviation, bool accumulate) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void LinearForwardCore(DeviceView output, DeviceView input, DeviceView weight, DeviceView bias) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void LinearBackwardInputCore(DeviceView dInput, DeviceView dOutput, DeviceView weight, bool accumulate) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void LinearBackwardWeightCore(DeviceView dWeight, DeviceView dOutput, DeviceView input) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void LinearBackwardBiasCore(DeviceView dBias, DeviceView dOutput) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void GradientNormCore(DeviceView state, DeviceView gradients, float maximumNorm) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void AdamWCore(DeviceView parameters, DeviceView firstMoments, DeviceView secondMoments, DeviceView gradients, DeviceView gradientState, in AdamWStep step) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void FillCore(DeviceView view, float value) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void CopyCore(DeviceView destination, DeviceView source) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void ResidualForwardCore(DeviceView output, DeviceView residual, DeviceView branch, DeviceView scale) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void ResidualBackwardCore(DeviceView dBranch, DeviceView dScale, DeviceView dOutput, DeviceView branch, DeviceView scale) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void PropagateRewardsCore(DeviceView captionRewards, DeviceView outcomeRewards) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void SelectTrajectoriesCore(DeviceView rewards, DeviceView captionRewards, DeviceView outcomeRewards, DeviceView lengths, in SelectionOptions options) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void RmsNormForwardCore(DeviceView output, DeviceView inverseRms, DeviceView input, DeviceView weight, float epsilon) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void RmsNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView inverseRms, bool accumulate) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void RopeCore(DeviceView values, DeviceView table, DeviceView positions, int headSize, bool inverse) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void SampleTokensCore(DeviceView tokens, DeviceView logProbabilities, DeviceView logits, DeviceView samples, DeviceView positions, in SamplingOptions options) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void SwiGluForwardCore(DeviceView output, DeviceView gateUp) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void SwiGluBackwardCore(DeviceView dGateUp, DeviceView dOutput, DeviceView gateUp) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void PatchExtractCore(DeviceView patches, DeviceView pixels, int height, int width, int patchSize) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void VisionTokensForwardCore(DeviceView output, DeviceView patches, DeviceView classToken, DeviceView positions) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void VisionTokensBackwardCore(DeviceView dPatches, DeviceView dClassToken, DeviceView dPositions, DeviceView dOutput, int patchCount) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void PositionInterpolationForwardCore(DeviceView output, DeviceView positions, int gridHeight, int gridWidth) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void PositionInterpolationBackwardCore(DeviceView dPositions, DeviceView dOutput, int gridHeight, int gridWidth) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void PixelShuffleForwardCore(DeviceView output, DeviceView input, int gridHeight, int gridWidth) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void PixelShuffleBackwardCore(DeviceView dInput, DeviceView dOutput, int gridHeight, int gridWidth) => throw new NotSupportedException();
}
