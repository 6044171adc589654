using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

/// <summary>
/// Draws from softmax(z) by the Gumbel-max trick: the largest z[v] - log(-log(u[v])), ties to the lowest id. u[v] is word v mod 4 of the Philox block (sample, position, v / 4, 0),
/// so a draw depends on no other row, and a token's noise not on which other tokens are candidates.
/// </summary>
internal unsafe ref struct GumbelMaximum<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private readonly uint _sample;
    private readonly uint _position;
    private readonly ulong _key;
    private float _best;

    public GumbelMaximum(int sample, int position, ulong key)
    {
        _sample = (uint)sample;
        _position = (uint)position;
        _key = key;
        _best = float.NegativeInfinity;
        Token = -1;
    }

    /// <summary>The best token so far; -1 where none had a score above minus infinity.</summary>
    public int Token { get; private set; }

    /// <summary>Offers one token; in any order.</summary>
    public void Offer(int token, float logit)
    {
        var block = Philox.Block(_sample, _position, (uint)token >> 2, 0, _key);
        uint word = (token & 3) switch { 0 => block.X0, 1 => block.X1, 2 => block.X2, _ => block.X3 };
        float score = TSimd.ToScalar(Score(TSimd.Create(logit), TSimd.CreateBits((int)word)));
        if (score > _best || (score == _best && token < Token))
        {
            _best = score;
            Token = token;
        }
    }

    /// <summary>Offers all tokens of a row whose exp(z - <paramref name="maximum"/>) is at least <paramref name="minimumShare"/>.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void OfferAll(float* logits, int count, float maximum, float minimumShare)
    {
        int* lanes = stackalloc int[16];
        for (int lane = 0; lane < TSimd.Width; lane++)
            lanes[lane] = lane;
        TVector nothing = TSimd.Create(float.NegativeInfinity);
        TVector reference = TSimd.Create(maximum);
        TVector shares = TSimd.Create(minimumShare);
        TVector best = nothing;
        TVector bestIds = TSimd.CreateBits(-1);
        TVector ids = TSimd.Load((float*)lanes);
        TVector advance = TSimd.CreateBits(TSimd.Width);
        PhiloxVector<TSimd, TVector> philox = new(_key);
        TVector counters = TSimd.AddBits(PhiloxVector<TSimd, TVector>.Repeat(_sample, _position, 0, 0), PhiloxVector<TSimd, TVector>.Numbers(2));
        TVector nextCounters = PhiloxVector<TSimd, TVector>.Repeat(0, 0, (uint)TSimd.Width / 4, 0);
        int whole = count / TSimd.Width * TSimd.Width;
        for (int token = 0; token < whole; token += TSimd.Width)
        {
            TVector logit = TSimd.Load(logits + token);
            TVector score = Score(logit, philox.Words(counters));
            if (minimumShare > 0)
                score = TSimd.Select(TSimd.LessThan(VectorMath<TSimd, TVector>.Exp(TSimd.Subtract(logit, reference)), shares), nothing, score);
            TVector better = TSimd.GreaterThan(score, best);
            best = TSimd.Select(better, score, best);
            bestIds = TSimd.Select(better, ids, bestIds);
            ids = TSimd.AddBits(ids, advance);
            counters = TSimd.AddBits(counters, nextCounters);
        }
        float* scores = stackalloc float[16];
        TSimd.Store(scores, best);
        TSimd.Store((float*)lanes, bestIds);
        for (int lane = 0; lane < TSimd.Width; lane++)
        {
            if (lanes[lane] >= 0 && (scores[lane] > _best || (scores[lane] == _best && lanes[lane] < Token)))
            {
                _best = scores[lane];
                Token = lanes[lane];
            }
        }
        for (int token = whole; token < count; token++)
        {
            if (!(VectorMath<TSimd, TVector>.Exp(logits[token] - maximum) < minimumShare))
                Offer(token, logits[token]);
        }
    }

    /// <summary>z - log(-log(u)) with u of the words; as <see cref="Philox.ToUnit"/>, exact in fp32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Score(TVector logit, TVector words)
    {
        TVector unit = TSimd.Multiply(TSimd.Add(TSimd.ConvertIntegerBitsToSingle(TSimd.ShiftRightBits(words, 9)), TSimd.Create(0.5f)), TSimd.Create(1f / (1 << 23)));
        return TSimd.Subtract(logit, VectorMath<TSimd, TVector>.Log(TSimd.Negate(VectorMath<TSimd, TVector>.Log(unit))));
    }
}
