using System.Runtime.CompilerServices;
using Sophia.Native.Objectives;

namespace Sophia.Native.Ilgpu;

/// <summary>Marks an operation that is not written yet. It goes away with the last of them.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MissingAttribute : Attribute;

#pragma warning disable CS1591
// What is not written yet: a file of its own takes each of these away.
public sealed partial class IlgpuBackend
{
    [Missing]
    protected override void EmbeddingForwardCore(DeviceView output, DeviceView table, DeviceView ids, DeviceView visual, DeviceView visualRows) => throw Missing();
    [Missing]
    protected override void EmbeddingBackwardCore(DeviceView dTable, DeviceView dVisual, DeviceView dOutput, DeviceView ids, DeviceView visualRows) => throw Missing();
    [Missing]
    protected override void LayerNormForwardCore(DeviceView output, DeviceView mean, DeviceView inverseDeviation, DeviceView input, DeviceView weight, DeviceView bias, float epsilon) => throw Missing();
    [Missing]
    protected override void LayerNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dBias, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView mean, DeviceView inverseDeviation, bool accumulate) => throw Missing();
    [Missing]
    protected override void PositionInterpolationForwardCore(DeviceView output, DeviceView positions, int gridHeight, int gridWidth) => throw Missing();
    [Missing]
    protected override void PositionInterpolationBackwardCore(DeviceView dPositions, DeviceView dOutput, int gridHeight, int gridWidth) => throw Missing();
    [Missing]
    protected override void ResidualForwardCore(DeviceView output, DeviceView residual, DeviceView branch, DeviceView scale) => throw Missing();
    [Missing]
    protected override void ResidualBackwardCore(DeviceView dBranch, DeviceView dScale, DeviceView dOutput, DeviceView branch, DeviceView scale) => throw Missing();
    [Missing]
    protected override void PropagateRewardsCore(DeviceView captionRewards, DeviceView outcomeRewards) => throw Missing();
    [Missing]
    protected override void SelectTrajectoriesCore(DeviceView rewards, DeviceView captionRewards, DeviceView outcomeRewards, DeviceView lengths, in SelectionOptions options) => throw Missing();
    [Missing]
    protected override void RmsNormForwardCore(DeviceView output, DeviceView inverseRms, DeviceView input, DeviceView weight, float epsilon) => throw Missing();
    [Missing]
    protected override void RmsNormBackwardCore(DeviceView dInput, DeviceView dWeight, DeviceView dOutput, DeviceView input, DeviceView weight, DeviceView inverseRms, bool accumulate) => throw Missing();
    [Missing]
    protected override void RopeCore(DeviceView values, DeviceView table, DeviceView positions, int headSize, bool inverse) => throw Missing();
    [Missing]
    protected override void PatchExtractCore(DeviceView patches, DeviceView pixels, int height, int width, int patchSize) => throw Missing();
    [Missing]
    protected override void VisionTokensForwardCore(DeviceView output, DeviceView patches, DeviceView classToken, DeviceView positions) => throw Missing();
    [Missing]
    protected override void VisionTokensBackwardCore(DeviceView dPatches, DeviceView dClassToken, DeviceView dPositions, DeviceView dOutput, int patchCount) => throw Missing();
    [Missing]
    protected override void PixelShuffleForwardCore(DeviceView output, DeviceView input, int gridHeight, int gridWidth) => throw Missing();
    [Missing]
    protected override void PixelShuffleBackwardCore(DeviceView dInput, DeviceView dOutput, int gridHeight, int gridWidth) => throw Missing();

    private static NotSupportedException Missing([CallerMemberName] string operation = "") => new($"ilgpu: {Without(operation)} is not written yet.");
}
