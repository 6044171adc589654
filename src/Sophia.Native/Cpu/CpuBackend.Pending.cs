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
    protected override void HeadForwardCore(DeviceView logProbabilities, DeviceView entropies, DeviceView hidden, DeviceView weight, DeviceView targets, DeviceView workspace, float temperature) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void HeadObjectiveCore(DeviceView dHidden, DeviceView dWeight, in ObjectiveResults results, DeviceView hidden, DeviceView weight, in ObjectiveInputs inputs, DeviceView workspace, in ObjectiveOptions options) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void SequenceLogRatiosCore(DeviceView sequenceLogRatios, DeviceView logProbabilities, DeviceView behaviorLogProbabilities, DeviceView normalizers, DeviceView offsets) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void ObjectiveStatisticsCore(DeviceView metrics, in ObjectiveResults results, in ObjectiveInputs inputs, in ObjectiveOptions options) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void GradientNormCore(DeviceView state, DeviceView gradients, float maximumNorm) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void AdamWCore(DeviceView parameters, DeviceView firstMoments, DeviceView secondMoments, DeviceView gradients, DeviceView gradientState, in AdamWStep step) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void FillCore(DeviceView view, float value) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void CopyCore(DeviceView destination, DeviceView source) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void PropagateRewardsCore(DeviceView captionRewards, DeviceView outcomeRewards) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void SelectTrajectoriesCore(DeviceView rewards, DeviceView captionRewards, DeviceView outcomeRewards, DeviceView lengths, in SelectionOptions options) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void SampleTokensCore(DeviceView tokens, DeviceView logProbabilities, DeviceView logits, DeviceView samples, DeviceView positions, in SamplingOptions options) => throw new NotSupportedException();

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
