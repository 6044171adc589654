namespace Sophia.Native.Rewards;

/// <summary>
/// Visual rewards of captions from the outcome rewards of the answers written from them (SOPHIA, arXiv 2507.16814, equation 5).
/// </summary>
/// <remarks>
/// "Propagation" is this mean and nothing more: no recursion, no discount. Sums run over n in ascending order in single precision;
/// rewards of 0 and 1 are summed exactly, so the result is the correctly rounded quotient.
/// </remarks>
public static class RewardPropagation
{
    /// <summary>R(c_k) = (1/N) sum_n R(y_kn).</summary>
    /// <param name="captionRewards">[K], overwritten.</param>
    /// <param name="outcomeRewards">[K, N], row k holds the rewards of the answers to caption k.</param>
    /// <param name="captions">K, at least 1.</param>
    /// <param name="answers">N, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">K or N is below 1.</exception>
    /// <exception cref="ArgumentException">A span has another length than its shape says.</exception>
    public static void Propagate(Span<float> captionRewards, ReadOnlySpan<float> outcomeRewards, int captions, int answers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(captions, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(answers, 1);
        RequireLength(captionRewards.Length, captions, nameof(captionRewards));
        RequireLength(outcomeRewards.Length, (long)captions * answers, nameof(outcomeRewards));

        for (int k = 0; k < captions; k++)
        {
            float sum = 0f;
            foreach (float reward in outcomeRewards.Slice(k * answers, answers)) sum += reward;
            captionRewards[k] = sum / answers;
        }
    }

    /// <summary>The strict gate of equation 6: a caption passes if its reward is greater than alpha, not if it equals it.</summary>
    /// <param name="captionReward">R(c_k).</param>
    /// <param name="alpha">The threshold; the paper uses 0.75, so that with N = 8 seven right answers are needed.</param>
    public static bool Passes(float captionReward, float alpha) => captionReward > alpha;

    internal static void RequireLength(int found, long expected, string name)
    {
        if (found != expected) throw new ArgumentException($"{name} must hold {expected} elements, found {found}.", name);
    }
}
