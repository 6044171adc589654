namespace Sophia.Native.Rewards;

/// <summary>
/// Selects the trajectories of one (image, question) pair that get reward 1 (SOPHIA, arXiv 2507.16814, equation 6 and the ablation switches).
/// </summary>
/// <remarks>
/// Every mode is the same rule: of a pool, keep the answers with the smallest keys. The pool is
/// { y_kn : R(c_k) > alpha and R(y_kn) = 1 } or what the mode leaves of it; the key is the length or a random number of the answer; ties go to
/// the lowest (k, n). The random number is Philox's at (seed, pair, k N + n) alone, so a choice depends neither on the order in which pairs are
/// visited nor on the other answers, and taking the KEEP smallest of them is a uniform draw without replacement.
/// An answer of negative length is truncated (it has no end) and is in no pool.
/// Nothing is allocated: the next answer is the least one above the last in the order (key, index), O(KEEP K N) in all.
/// </remarks>
public static class TrajectorySelection
{
    /// <summary>"sele" in ASCII.</summary>
    private const uint Purpose = 0x73656C65;

    /// <summary>Writes the indices k N + n of the selected answers, best first, and returns how many there are.</summary>
    /// <param name="selected">At least min(keep, K N) elements; those behind the returned count are left as they are.</param>
    /// <param name="outcomeRewards">[K, N]; an answer is right if its reward is exactly 1.</param>
    /// <param name="captionRewards">[K], from <see cref="RewardPropagation.Propagate"/>.</param>
    /// <param name="lengths">[K, N] in tokens of the policy; negative for a truncated answer.</param>
    /// <param name="captions">K, at least 1.</param>
    /// <param name="answers">N, at least 1.</param>
    /// <param name="alpha">The strict threshold on the caption reward.</param>
    /// <param name="keep">KEEP, at least 1.</param>
    /// <param name="mode">The rule.</param>
    /// <param name="seed">Seed of the random modes.</param>
    /// <param name="pair">Number of the pair, so that pairs under one seed draw differently.</param>
    /// <exception cref="ArgumentOutOfRangeException">K, N or KEEP is below 1, or the mode is unknown.</exception>
    /// <exception cref="ArgumentException">A span has another length than its shape says.</exception>
    public static int Select(
        Span<int> selected, ReadOnlySpan<float> outcomeRewards, ReadOnlySpan<float> captionRewards, ReadOnlySpan<int> lengths,
        int captions, int answers, float alpha, int keep, SelectionMode mode, uint seed, uint pair)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(captions, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(answers, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(keep, 1);
        if (mode is < SelectionMode.Shortest or > SelectionMode.Random)
            throw new ArgumentOutOfRangeException(nameof(mode), mode, "Expected a member of SelectionMode.");
        long count = (long)captions * answers;
        RewardPropagation.RequireLength(outcomeRewards.Length, count, nameof(outcomeRewards));
        RewardPropagation.RequireLength(captionRewards.Length, captions, nameof(captionRewards));
        RewardPropagation.RequireLength(lengths.Length, count, nameof(lengths));
        int wanted = (int)Math.Min(keep, count);
        if (selected.Length < wanted)
            throw new ArgumentException($"selected must hold at least min(keep, K N) = {wanted} elements, found {selected.Length}.", nameof(selected));

        ulong last = 0;
        int found = 0;
        while (found < wanted)
        {
            ulong best = ulong.MaxValue;
            for (int index = 0; index < outcomeRewards.Length; index++)
            {
                if (!InPool(outcomeRewards, captionRewards, lengths, index, answers, alpha, mode)) continue;
                uint key = mode is SelectionMode.NoShortest or SelectionMode.Random ? RandomKey(seed, pair, (uint)index) : (uint)lengths[index];
                ulong order = (ulong)key << 32 | (uint)index;
                if (order < best && (found == 0 || order > last)) best = order;
            }

            if (best == ulong.MaxValue) break;
            selected[found++] = (int)(uint)best;
            last = best;
        }

        return found;
    }

    /// <summary>Writes the reward matrix of equation 6: 1 for the selected answers, 0 for all others.</summary>
    /// <param name="rewards">[K, N], overwritten.</param>
    /// <param name="selected">Indices k N + n from <see cref="Select"/>.</param>
    public static void WriteRewards(Span<float> rewards, ReadOnlySpan<int> selected)
    {
        rewards.Clear();
        foreach (int index in selected) rewards[index] = 1f;
    }

    private static bool InPool(
        ReadOnlySpan<float> outcomeRewards, ReadOnlySpan<float> captionRewards, ReadOnlySpan<int> lengths,
        int index, int answers, float alpha, SelectionMode mode)
    {
        if (lengths[index] < 0) return false;
        if (mode == SelectionMode.Random) return true;
        if (outcomeRewards[index] != 1f) return false;
        return mode == SelectionMode.NoCaptionReward || RewardPropagation.Passes(captionRewards[index / answers], alpha);
    }

    /// <summary>
    /// The first word of Philox's block with counter (pair, k N + n, 0, <see cref="Purpose"/>) under the seed. The last word keeps these numbers
    /// apart from those of sampling under the same seed.
    /// </summary>
    internal static uint RandomKey(uint seed, uint pair, uint index) => Philox.Block(pair, index, 0, Purpose, seed).X0;
}
