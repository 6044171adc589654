using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda;

// kernels/rewards.cu: all pairs in one launch.
public sealed partial class CudaBackend
{
    private static readonly KernelFile RewardsFile = new("rewards");

    /// <inheritdoc/>
    protected override void PropagateRewardsCore(DeviceView captionRewards, DeviceView outcomeRewards)
    {
        if (captionRewards.Rows == 0)
            return;
        var captions = (int)captionRewards.Columns;
        var launch = Begin(RewardsFile, "rewards_propagate", ElementType.Float32);
        launch.AddMatrix(captionRewards);
        launch.AddMatrix(outcomeRewards);
        launch.Add((int)captionRewards.Rows);
        launch.Add(captions);
        launch.Add((int)outcomeRewards.Columns / captions);
        launch.Run(BlocksOf(captionRewards.Length, 128), 1, 1, 128, 0);
    }

    /// <inheritdoc/>
    protected override void SelectTrajectoriesCore(DeviceView rewards, DeviceView captionRewards, DeviceView outcomeRewards, DeviceView lengths, in SelectionOptions options)
    {
        if (rewards.Rows == 0)
            return;
        const int pairsOfBlock = 4;
        var launch = Begin(RewardsFile, "rewards_select", ElementType.Float32);
        launch.AddMatrix(rewards);
        launch.AddMatrix(captionRewards);
        launch.AddMatrix(outcomeRewards);
        launch.AddMatrix(lengths);
        launch.Add((int)rewards.Rows);
        launch.Add(options.Captions);
        launch.Add(options.Answers);
        launch.Add((int)Math.Min(options.Keep, rewards.Columns));
        launch.Add((int)options.Mode);
        launch.Add(options.Alpha);
        launch.Add(options.Seed);
        launch.Run(BlocksOf(rewards.Rows, pairsOfBlock), 1, 1, 32 * pairsOfBlock, 0);
    }

    /// <summary>Blocks that hold a number of items.</summary>
    private static long BlocksOf(long items, int each) => (items + each - 1) / each;
}
