namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>
    /// The token with the largest score logits[v] / T - log(-log(u[v])) among the candidates of every row, ties to the lowest id, and its log-probability at temperature T before truncation.
    /// A row's margin is the distance of its best two scores, or a hundred times that of a share from top-p or min-p where that is less (shares are good to 1e-6, scores to 1e-4):
    /// where it is small, rounding may choose another token.
    /// </summary>
    public static void SampleTokens(Span<int> tokens, Span<double> logProbabilities, Span<double> logits, Span<double> margins, ReadOnlySpan<int> samples, ReadOnlySpan<int> positions,
        ReferenceSampling sampling, int vocabulary)
    {
        for (var row = 0; row < tokens.Length; row++)
        {
            var own = logits.Slice(row * vocabulary, vocabulary);
            if (sampling.Temperature > 0.0)
            {
                for (var v = 0; v < vocabulary; v++)
                    own[v] /= sampling.Temperature;
            }
            var candidates = SamplingCandidates(own, sampling, out var margin);
            double best = double.NegativeInfinity, second = double.NegativeInfinity;
            var token = -1;
            for (var v = 0; v < vocabulary; v++)
            {
                if (!candidates[v])
                    continue;
                var score = sampling.Temperature > 0.0 ? own[v] + Gumbel(samples[row], positions[row], v, sampling.Seed) : own[v];
                if (score > best)
                {
                    (second, best) = (best, score);
                    token = v;
                }
                else if (score > second)
                {
                    second = score;
                }
            }
            tokens[row] = token;
            logProbabilities[row] = Statistics(own, token).LogProbability;
            margins[row] = Math.Min(margin, best - second);
        }
    }

    /// <summary>
    /// Which tokens may be drawn: the k most probable (ties to the lowest id); of those the most probable until their share of what top-k left reaches p;
    /// of those the ones at least minP as probable as the most probable.
    /// </summary>
    public static bool[] SamplingCandidates(ReadOnlySpan<double> scaledLogits, ReferenceSampling sampling, out double margin)
    {
        margin = double.PositiveInfinity;
        var candidates = new bool[scaledLogits.Length];
        if (sampling.Temperature == 0.0)
        {
            Array.Fill(candidates, true);
            return candidates;
        }
        var order = new (double Negative, int Token)[scaledLogits.Length];
        for (var v = 0; v < order.Length; v++)
            order[v] = (-scaledLogits[v], v);
        Array.Sort(order);
        var count = sampling.TopK > 0 ? Math.Min(sampling.TopK, order.Length) : order.Length;
        var total = 0.0;
        for (var i = 0; i < count; i++)
            total += Math.Exp(order[0].Negative - order[i].Negative);
        if (sampling.TopP < 1.0)
        {
            var sum = 0.0;
            for (var i = 0; i < count; i++)
            {
                sum += Math.Exp(order[0].Negative - order[i].Negative) / total;
                margin = Math.Min(margin, 100.0 * Math.Abs(sum - sampling.TopP));
                if (sum >= sampling.TopP)
                    count = i + 1;
            }
        }
        for (var i = 0; i < count; i++)
        {
            var share = Math.Exp(order[0].Negative - order[i].Negative);
            if (sampling.MinP > 0.0)
                margin = Math.Min(margin, 100.0 * Math.Abs(share - sampling.MinP));
            candidates[order[i].Token] = share >= sampling.MinP;
        }
        return candidates;
    }

    /// <summary>-log(-log(u)), u the word token mod 4 of the Philox4x32-10 block with counter (sample, position, token / 4, 0): its upper 23 bits plus one half, over 2^23.</summary>
    public static double Gumbel(int sample, int position, int token, ulong seed)
    {
        Span<uint> block = [(uint)sample, (uint)position, (uint)token / 4, 0];
        PhiloxBlock(block, seed);
        var u = ((block[token % 4] >> 9) + 0.5) / (1 << 23);
        return -Math.Log(-Math.Log(u));
    }

    /// <summary>Philox4x32-10 (Salmon et al., SC 2011): ten rounds of two 32 x 32 bit products, the key raised by the Weyl constants between them.</summary>
    public static void PhiloxBlock(Span<uint> counter, ulong key)
    {
        var (low, high) = ((uint)key, (uint)(key >> 32));
        for (var round = 0; round < 10; round++)
        {
            var first = 0xD2511F53UL * counter[0];
            var second = 0xCD9E8D57UL * counter[2];
            counter[0] = (uint)(second >> 32) ^ counter[1] ^ low;
            counter[2] = (uint)(first >> 32) ^ counter[3] ^ high;
            counter[1] = (uint)second;
            counter[3] = (uint)first;
            low = unchecked(low + 0x9E3779B9);
            high = unchecked(high + 0xBB67AE85);
        }
    }
}
