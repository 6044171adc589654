using Sophia.Native.Rewards;

namespace Sophia.Native.Cpu;

// Reward propagation and selection: a few hundred numbers a pair, on the calling thread. Bound by neither bytes nor operations.
// Where to read first: RewardPropagation and TrajectorySelection, which hold the rules.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void PropagateRewardsCore(DeviceView captionRewards, DeviceView outcomeRewards)
    {
        var captions = Size(captionRewards.Columns);
        var answers = Size(outcomeRewards.Columns) / captions;
        for (long group = 0; group < captionRewards.Rows; group++)
            RewardPropagation.Propagate(RowSpan<float>(captionRewards, group), RowSpan<float>(outcomeRewards, group), captions, answers);
    }

    /// <inheritdoc/>
    protected override void SelectTrajectoriesCore(DeviceView rewards, DeviceView captionRewards, DeviceView outcomeRewards, DeviceView lengths, in SelectionOptions options)
    {
        var most = Math.Min(options.Keep, Size(rewards.Columns));
        var selected = new Span<int>(_callerScratch.Get(ScratchSlot.Operation, (nuint)most * sizeof(int)), most);
        for (long group = 0; group < rewards.Rows; group++)
        {
            var count = TrajectorySelection.Select(selected, RowSpan<float>(outcomeRewards, group), RowSpan<float>(captionRewards, group), RowSpan<int>(lengths, group),
                options.Captions, options.Answers, options.Alpha, options.Keep, options.Mode, options.Seed, (uint)group);
            TrajectorySelection.WriteRewards(RowSpan<float>(rewards, group), selected[..count]);
        }
    }

    private static Span<T> RowSpan<T>(DeviceView view, long row) where T : unmanaged => new((T*)view.Address + row * view.Stride, Size(view.Columns));
}
