using Sophia.Native.Rewards;

namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>Caption rewards: the mean over a caption's answers (<see cref="RewardPropagation"/>), all pairs in one launch.</summary>
    /// <param name="captionRewards">[G, K], overwritten.</param>
    /// <param name="outcomeRewards">[G, K * N].</param>
    public void PropagateRewards(DeviceView captionRewards, DeviceView outcomeRewards)
    {
        Require.Matrix(captionRewards);
        Require.Shape(outcomeRewards, captionRewards.Rows, outcomeRewards.Columns);
        Require.That(captionRewards.Columns > 0 && outcomeRewards.Columns > 0 && outcomeRewards.Columns % captionRewards.Columns == 0,
            $"outcome rewards of whole captions, found {outcomeRewards.Columns} for {captionRewards.Columns} captions");
        PropagateRewardsCore(captionRewards, outcomeRewards);
    }

    /// <summary>Rewards of the selected trajectories, 1 or 0 (<see cref="TrajectorySelection"/>), all pairs in one launch.</summary>
    /// <param name="rewards">[G, K * N], overwritten.</param>
    /// <param name="captionRewards">[G, K].</param>
    /// <param name="outcomeRewards">[G, K * N], 0 or 1.</param>
    /// <param name="lengths">[G, K * N] Int32, in tokens of the policy; negative for a truncated answer.</param>
    /// <param name="options">The constants.</param>
    public void SelectTrajectories(DeviceView rewards, DeviceView captionRewards, DeviceView outcomeRewards, DeviceView lengths, in SelectionOptions options)
    {
        Require.That(options.Captions > 0 && options.Answers > 0 && options.Keep > 0, $"positive captions, answers and keep, found {options.Captions}, {options.Answers}, {options.Keep}");
        var groups = rewards.Rows;
        var columns = (long)options.Captions * options.Answers;
        Require.Shape(rewards, groups, columns);
        Require.Shape(captionRewards, groups, options.Captions);
        Require.Shape(outcomeRewards, groups, columns);
        Require.Shape(lengths, groups, columns, ElementType.Int32);
        SelectTrajectoriesCore(rewards, captionRewards, outcomeRewards, lengths, options);
    }

    /// <inheritdoc cref="PropagateRewards"/>
    protected abstract void PropagateRewardsCore(DeviceView captionRewards, DeviceView outcomeRewards);

    /// <inheritdoc cref="SelectTrajectories"/>
    protected abstract void SelectTrajectoriesCore(DeviceView rewards, DeviceView captionRewards, DeviceView outcomeRewards, DeviceView lengths, in SelectionOptions options);
}
