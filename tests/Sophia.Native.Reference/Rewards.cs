namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>captionRewards[g, k] = mean over n of outcomeRewards[g, k, n].</summary>
    public static void PropagateRewards(Span<double> captionRewards, ReadOnlySpan<double> outcomeRewards, int groups, int captions, int answers)
    {
        for (var caption = 0; caption < groups * captions; caption++)
        {
            var sum = 0.0;
            for (var n = 0; n < answers; n++)
                sum += outcomeRewards[caption * answers + n];
            captionRewards[caption] = sum / answers;
        }
    }

    /// <summary>1 for the answers that are kept, 0 for all others: of every group's eligible answers those with the smallest keys, ties to the lowest index.</summary>
    public static void SelectTrajectories(Span<double> rewards, ReadOnlySpan<double> captionRewards, ReadOnlySpan<double> outcomeRewards, ReadOnlySpan<int> lengths, int groups, int captions, int answers,
        double alpha, int keep, ReferenceSelection mode, uint seed)
    {
        rewards.Clear();
        for (var group = 0; group < groups; group++)
        {
            var pool = new List<(uint Key, int Index)>();
            for (var index = 0; index < captions * answers; index++)
            {
                var at = group * captions * answers + index;
                var right = outcomeRewards[at] == 1.0;
                var passes = captionRewards[group * captions + index / answers] > alpha;
                var eligible = mode switch
                {
                    ReferenceSelection.Random => true,
                    ReferenceSelection.NoCaptionReward => right,
                    _ => right && passes,
                };
                if (!eligible || lengths[at] < 0)
                    continue;
                var random = mode is ReferenceSelection.NoShortest or ReferenceSelection.Random;
                pool.Add((random ? RandomKey(seed, (uint)group, (uint)index) : (uint)lengths[at], index));
            }
            pool.Sort();
            for (var i = 0; i < Math.Min(keep, pool.Count); i++)
                rewards[group * captions * answers + pool[i].Index] = 1.0;
        }
    }

    /// <summary>The first word of the Philox block with counter (pair, index, 0, "sele" in ASCII).</summary>
    private static uint RandomKey(uint seed, uint pair, uint index)
    {
        Span<uint> block = [pair, index, 0, 0x73656C65];
        PhiloxBlock(block, seed);
        return block[0];
    }
}
