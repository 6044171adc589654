namespace Sophia.Native.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    protected override void PropagateRewardsCore(DeviceView captionRewards, DeviceView outcomeRewards) =>
        throw new NotSupportedException("PropagateRewards has no CUDA kernel yet.");

    /// <inheritdoc/>
    protected override void SelectTrajectoriesCore(DeviceView rewards, DeviceView captionRewards, DeviceView outcomeRewards, DeviceView lengths, in SelectionOptions options) =>
        throw new NotSupportedException("SelectTrajectories has no CUDA kernel yet.");
}
