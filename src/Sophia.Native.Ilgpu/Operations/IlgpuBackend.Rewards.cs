using ILGPU;
using Sophia.Native.Ilgpu.Kernels;
using Sophia.Native.Rewards;

namespace Sophia.Native.Ilgpu;

// Rewards of captions and the selection of trajectories. captionRewards [G, K], outcomeRewards, rewards [G, K * N] floats, lengths [G, K * N]. A caption's mean is summed in order; a pair is one thread, which takes the
// least (key, index) above the last KEEP times, by the pool and the key of TrajectorySelection. Bound by the launch. Where to read first: SelectPair.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void PropagateRewardsCore(DeviceView captionRewards, DeviceView outcomeRewards) =>
        ForEach(new CaptionReward(Of<StoredFloat32>(captionRewards), Of<StoredFloat32>(outcomeRewards), (int)(outcomeRewards.Columns / captionRewards.Columns)), captionRewards.Rows, captionRewards.Columns);

    /// <inheritdoc/>
    protected override void SelectTrajectoriesCore(DeviceView rewards, DeviceView captionRewards, DeviceView outcomeRewards, DeviceView lengths, in SelectionOptions options) =>
        ForEach(new SelectPair(Of<StoredFloat32>(rewards), Of<StoredFloat32>(captionRewards), Of<StoredFloat32>(outcomeRewards), Elements<int>(lengths), lengths.Stride, (int)rewards.Columns, options), rewards.Rows, 1);

    internal readonly struct CaptionReward(Matrix<StoredFloat32> captionRewards, Matrix<StoredFloat32> outcomeRewards, int answers) : IElementOperator
    {
        private readonly Matrix<StoredFloat32> _captionRewards = captionRewards;
        private readonly Matrix<StoredFloat32> _outcomeRewards = outcomeRewards;
        private readonly int _answers = answers;

        public void Apply(long row, int column)
        {
            var sum = 0f;
            for (var answer = 0; answer < _answers; answer++)
                sum += _outcomeRewards.Read(row, (long)column * _answers + answer);
            _captionRewards.Write(row, column, sum / _answers);
        }
    }

    internal readonly struct SelectPair(Matrix<StoredFloat32> rewards, Matrix<StoredFloat32> captionRewards, Matrix<StoredFloat32> outcomeRewards, ArrayView<int> lengths, long lengthStride, int count,
        in SelectionOptions options) : IElementOperator
    {
        private readonly Matrix<StoredFloat32> _rewards = rewards;
        private readonly Matrix<StoredFloat32> _captionRewards = captionRewards;
        private readonly Matrix<StoredFloat32> _outcomeRewards = outcomeRewards;
        private readonly ArrayView<int> _lengths = lengths;
        private readonly long _lengthStride = lengthStride;
        private readonly int _count = count;
        private readonly int _answers = options.Answers;
        private readonly int _keep = options.Keep;
        private readonly int _mode = (int)options.Mode;
        private readonly float _alpha = options.Alpha;
        private readonly uint _seed = options.Seed;

        public void Apply(long row, int column)
        {
            for (var index = 0; index < _count; index++)
                _rewards.Write(row, index, 0f);
            ulong last = 0;
            for (var round = 0; round < _keep; round++)
            {
                var best = ulong.MaxValue;
                for (var index = 0; index < _count; index++)
                {
                    var order = Order(row, index);
                    if (order < best && (round == 0 || order > last))
                        best = order;
                }
                if (best == ulong.MaxValue)
                    return;
                last = best;
                _rewards.Write(row, (int)(uint)best, 1f);
            }
        }

        /// <summary>Key and index of an answer as one number, the largest of all where it is not in the pool.</summary>
        private ulong Order(long row, int index)
        {
            var length = _lengths[row * _lengthStride + index];
            var isInPool = _mode == (int)SelectionMode.Random
                || (_outcomeRewards.Read(row, index) == 1f && (_mode == (int)SelectionMode.NoCaptionReward || RewardPropagation.Passes(_captionRewards.Read(row, index / _answers), _alpha)));
            if (length < 0 || !isInPool)
                return ulong.MaxValue;
            var isRandom = _mode is (int)SelectionMode.NoShortest or (int)SelectionMode.Random;
            var key = isRandom ? TrajectorySelection.RandomKey(_seed, (uint)row, (uint)index) : (uint)length;
            return (ulong)key << 32 | (uint)index;
        }
    }
}
