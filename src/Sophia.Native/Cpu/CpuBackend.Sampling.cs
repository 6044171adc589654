using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// Sampling: a row of logits a work item. Bound by operations: an exponential, two logarithms and a quarter of a Philox block for each token of the vocabulary.
// Where to read first: GumbelMaximum; RowStatistics gives the log-probability, TokenRanking the candidates of top-k and top-p.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void SampleTokensCore(DeviceView tokens, DeviceView logProbabilities, DeviceView logits, DeviceView samples, DeviceView positions, in SamplingOptions options) =>
        RowLoop.Run(_path, _pool, new SampleRow(tokens, logProbabilities, logits, samples, positions, options), logits.Rows, 8 * logits.Columns);

    private readonly struct SampleRow(DeviceView tokens, DeviceView logProbabilities, DeviceView logits, DeviceView samples, DeviceView positions, in SamplingOptions options) : IRowOperator
    {
        private readonly int* _tokens = (int*)tokens.Address;
        private readonly float* _logProbabilities = Floats(logProbabilities);
        private readonly RowCursor _logits = new(logits);
        private readonly int _vocabulary = Size(logits.Columns);
        private readonly int* _samples = (int*)samples.Address;
        private readonly int* _positions = (int*)positions.Address;
        private readonly SamplingOptions _options = options;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var logits = _logits.At(row);
            var greedy = _options.Temperature == 0f;
            var maximum = RowStatistics.ScaleAndFindMaximum<TSimd, TVector>(logits, _vocabulary, greedy ? 1f : 1f / _options.Temperature);
            var statistics = RowStatistics.Create<TSimd, TVector>(logits, _vocabulary, maximum, replace: false);
            var token = greedy ? new ReadOnlySpan<float>(logits, _vocabulary).IndexOf(maximum) : Draw<TSimd, TVector>(row, logits, statistics);
            // Only a row without a single finite logit has no best token; its log-probability says so.
            token = Math.Max(token, 0);
            _tokens[row] = token;
            _logProbabilities[row] = statistics.LogProbability(logits[token]);
        }

        private int Draw<TSimd, TVector>(nint row, float* logits, in RowStatistics statistics)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            GumbelMaximum<TSimd, TVector> maximum = new(_samples[row], _positions[row], _options.Seed);
            var keep = _options.TopK > 0 ? Math.Min(_options.TopK, _vocabulary) : _vocabulary;
            // A row with NaN has no ranking; it is drawn from as it is, and its log-probability is NaN.
            if ((keep == _vocabulary && _options.TopP >= 1f) || float.IsNaN(statistics.Sum))
            {
                maximum.OfferAll(logits, _vocabulary, statistics.Maximum, _options.MinP);
                return maximum.Token;
            }

            var pool = WorkerPool.Current;
            var ids = (int*)pool.Scratch(pool.CurrentWorker).Get(ScratchSlot.Operation, (nuint)keep * sizeof(int));
            if (_options.TopP >= 1f)
            {
                foreach (var token in TokenRanking.Create(logits, _vocabulary, keep, ids).Rest)
                    Offer(ref maximum, logits, token, statistics.Maximum);
                return maximum.Token;
            }

            TokenRanking ranking;
            ulong total = 0;
            if (keep < _vocabulary)
            {
                ranking = TokenRanking.Create(logits, _vocabulary, keep, ids);
                foreach (var token in ranking.Rest)
                    total += Mass(VectorMath<TSimd, TVector>.Exp(logits[token] - statistics.Maximum));
            }
            else
            {
                // Tokens below half of (1 - p) / V of the total hold less than half of what top-p takes away: none of them is needed, and they need no ranking.
                total = Mass(statistics.Sum);
                var share = (1f - _options.TopP) * statistics.Sum / (2f * _vocabulary);
                ranking = TokenRanking.CreateFrom(logits, _vocabulary, Math.Min(statistics.Maximum, statistics.Maximum + VectorMath<TSimd, TVector>.Log(share)), ids);
            }
            var wanted = (ulong)Math.Ceiling((double)_options.TopP * total);
            ulong sum = 0;
            do
            {
                var token = ranking.Take();
                sum += Mass(VectorMath<TSimd, TVector>.Exp(logits[token] - statistics.Maximum));
                Offer(ref maximum, logits, token, statistics.Maximum);
            }
            while (sum < wanted && !ranking.Rest.IsEmpty);
            return maximum.Token;
        }

        /// <summary>
        /// A share of the largest probability in whole numbers of 2^-40: their sum is the same in any order, so that top-p keeps the same tokens on every backend. 2^17 tokens lose at most 2^-23 of the sum.
        /// </summary>
        private static ulong Mass(float share) => (ulong)(share * 1099511627776f);

        private void Offer<TSimd, TVector>(ref GumbelMaximum<TSimd, TVector> best, float* logits, int token, float maximum)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            if (VectorMath<TSimd, TVector>.Exp(logits[token] - maximum) >= _options.MinP)
                best.Offer(token, logits[token]);
        }
    }
}
