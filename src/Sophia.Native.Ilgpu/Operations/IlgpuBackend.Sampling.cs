using ILGPU;
using ILGPU.Runtime.OpenCL;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Sampling: z = factor * logits in place; score[v] = z[v] - log(-log(u[v])), u from the Philox block (sample, position, v / 4, 0); the token of the largest score, ties to the lowest id. The log-probability is that before
// top-k, top-p and min-p, by the law of LogitPartials. Every step is exact (comparisons, whole numbers) or the same fp32 operations as the CPU's, so equal logits give equal tokens.
// Without top-k and top-p 256 lanes of a row each find their best token, and a thread the best of these. With them a group takes a row: it finds by bisection over the bits of a float where the ranking is cut,
// counting in whole numbers (2^-40 of the largest probability for top-p), whose sums have no order. Bound by operations, about 80 a token of the vocabulary. Where to read first: SampleLane, then TruncatedSample.
public sealed partial class IlgpuBackend
{
    private const int SampleLanes = 256;

    /// <inheritdoc/>
    protected override void SampleTokensCore(DeviceView tokens, DeviceView logProbabilities, DeviceView logits, DeviceView samples, DeviceView positions, in SamplingOptions options)
    {
        if (logits.Rows == 0)
            return;
        var vocabulary = checked((int)logits.Columns);
        var isGreedy = options.Temperature == 0f;
        var values = Of<StoredFloat32>(logits);
        ForEach(new ScaleElement(values, isGreedy ? 1f : 1f / options.Temperature), logits.Rows, vocabulary);
        var partials = SumLogits(logits, 1f, AllRows(logits.Rows), nameof(SampleTokens));
        var noise = new SampleNoise(Elements<int>(samples), Elements<int>(positions), options.Seed, options.MinP, isGreedy ? 1 : 0);
        var result = new SampledTokens(Elements<int>(tokens), Of<StoredFloat32>(logProbabilities), values, partials);
        if (!isGreedy && ((options.TopK > 0 && options.TopK < vocabulary) || options.TopP < 1f))
        {
            // PoCL ends the process when it compiles these barriers for a group of threads, so on a processor a thread works alone.
            var threads = _accelerator is CLAccelerator { Device: CLDevice { DeviceType: CLDeviceType.CL_DEVICE_TYPE_CPU } } ? 1 : GroupSize;
            Launch(new TruncatedSample(result, noise, vocabulary, (int)logits.Rows, options.TopK > 0 ? Math.Min(options.TopK, vocabulary) : vocabulary, options.TopP), Math.Min(logits.Rows, MostTiles), 1, threads);
            return;
        }
        var scores = Elements<float>(Scratch(ScratchSlot.Scales, logits.Rows * SampleLanes));
        var best = Elements<int>(Scratch(ScratchSlot.Rows, logits.Rows * SampleLanes, ElementType.Int32));
        ForEach(new SampleLane(result, noise, scores, best, vocabulary), logits.Rows, SampleLanes);
        ForEach(new SampleRow(result, scores, best), logits.Rows, 1);
    }

    internal readonly struct ScaleElement(Matrix<StoredFloat32> values, float factor) : IElementOperator
    {
        private readonly Matrix<StoredFloat32> _values = values;
        private readonly float _factor = factor;

        public void Apply(long row, int column) => _values.Write(row, column, _values.Read(row, column) * _factor);
    }

    /// <summary>The noise of a draw, and which tokens are too improbable for it.</summary>
    internal readonly struct SampleNoise(ArrayView<int> samples, ArrayView<int> positions, ulong key, float minimumShare, int isGreedy)
    {
        private readonly ArrayView<int> _samples = samples;
        private readonly ArrayView<int> _positions = positions;
        private readonly ulong _key = key;
        private readonly float _minimumShare = minimumShare;
        private readonly int _isGreedy = isGreedy;

        /// <summary>A token's score: minus infinity where it is no candidate.</summary>
        public float Score(long row, int token, float z, float maximum)
        {
            if (_isGreedy != 0)
                return z == maximum ? 0f : float.NegativeInfinity;
            if (ScalarMath.Exp(z - maximum) < _minimumShare)
                return float.NegativeInfinity;
            var block = Philox.Block((uint)_samples[row], (uint)_positions[row], (uint)token >> 2, 0, _key);
            var place = token & 3;
            var word = place == 0 ? block.X0 : place == 1 ? block.X1 : place == 2 ? block.X2 : block.X3;
            return z - ScalarMath.Log(-ScalarMath.Log(Philox.ToUnit(word)));
        }
    }

    /// <summary>Where tokens go, and the logits z with their statistics.</summary>
    internal readonly struct SampledTokens(ArrayView<int> tokens, Matrix<StoredFloat32> logProbabilities, Matrix<StoredFloat32> logits, LogitPartials partials)
    {
        private readonly ArrayView<int> _tokens = tokens;
        private readonly Matrix<StoredFloat32> _logProbabilities = logProbabilities;

        public readonly Matrix<StoredFloat32> Logits = logits;
        public readonly LogitPartials Partials = partials;

        /// <summary>Only a row without a single finite logit has no best token; its log-probability says so.</summary>
        public void Write(long row, int token)
        {
            token = token < 0 ? 0 : token;
            _tokens[row] = token;
            _logProbabilities.Write(row, Partials.Statistics(row).LogProbability(Logits.Read(row, token)));
        }
    }

    /// <summary>The best token so far, minus one where none had a score above minus infinity.</summary>
    internal readonly struct BestToken(float score, int token)
    {
        public readonly float Score = score;
        public readonly int Token = token;

        public static BestToken None => new(float.NegativeInfinity, -1);

        /// <summary>Of two scores the larger, of equal ones that with the lower id.</summary>
        public BestToken Or(float score, int token) => score > Score || (score == Score && token >= 0 && token < Token) ? new(score, token) : this;
    }

    internal readonly struct SampleLane(SampledTokens result, SampleNoise noise, ArrayView<float> scores, ArrayView<int> tokens, int vocabulary) : IElementOperator
    {
        private readonly SampledTokens _result = result;
        private readonly SampleNoise _noise = noise;
        private readonly ArrayView<float> _scores = scores;
        private readonly ArrayView<int> _tokens = tokens;
        private readonly int _vocabulary = vocabulary;

        public void Apply(long row, int column)
        {
            var maximum = _result.Partials.Maximum(row);
            var best = BestToken.None;
            for (var token = column; token < _vocabulary; token += SampleLanes)
                best = best.Or(_noise.Score(row, token, _result.Logits.Read(row, token), maximum), token);
            _scores[row * SampleLanes + column] = best.Score;
            _tokens[row * SampleLanes + column] = best.Token;
        }
    }

    internal readonly struct SampleRow(SampledTokens result, ArrayView<float> scores, ArrayView<int> tokens) : IElementOperator
    {
        private readonly SampledTokens _result = result;
        private readonly ArrayView<float> _scores = scores;
        private readonly ArrayView<int> _tokens = tokens;

        public void Apply(long row, int column)
        {
            var best = BestToken.None;
            for (var lane = 0; lane < SampleLanes; lane++)
                best = best.Or(_scores[row * SampleLanes + lane], _tokens[row * SampleLanes + lane]);
            _result.Write(row, best.Token);
        }
    }

    /// <summary>Where a ranking is cut: tokens whose logit is above that of <paramref name="key"/> are kept, and those with it up to <paramref name="last"/>.</summary>
    internal readonly struct RankingCut(uint key, int last)
    {
        private readonly uint _key = key;
        private readonly int _last = last;

        public bool Keeps(uint key, int token) => key > _key || (key == _key && token <= _last);
    }

    internal readonly struct TruncatedSample(SampledTokens result, SampleNoise noise, int vocabulary, int rows, int keep, float topP) : IKernel
    {
        private readonly SampledTokens _result = result;
        private readonly SampleNoise _noise = noise;
        private readonly int _vocabulary = vocabulary;
        private readonly int _rows = rows;
        private readonly int _keep = keep;
        private readonly float _topP = topP;

        public void Run()
        {
            var sums = SharedMemory.Allocate<ulong>(256);
            var scores = SharedMemory.Allocate<float>(256);
            var tokens = SharedMemory.Allocate<int>(256);
            for (var row = Grid.IdxX; row < _rows; row += Grid.DimX)
            {
                var statistics = _result.Partials.Statistics(row);
                var cut = new RankingCut(0, _vocabulary);
                // A row with NaN has no ranking; it is drawn from as it is, and its log-probability is NaN.
                if (!float.IsNaN(statistics.Sum))
                {
                    if (_keep < _vocabulary)
                        cut = Cut(sums, row, cut, 0, (ulong)_keep, statistics.Maximum);
                    if (_topP < 1f)
                    {
                        var total = _keep < _vocabulary ? Total(sums, row, cut, 0, 0, _vocabulary, 1, statistics.Maximum) : Mass(statistics.Sum);
                        cut = Cut(sums, row, cut, 1, (ulong)Math.Ceiling((double)_topP * total), statistics.Maximum);
                    }
                }
                var best = BestToken.None;
                for (var token = Group.IdxX; token < _vocabulary; token += Group.DimX)
                {
                    var z = _result.Logits.Read(row, token);
                    if (cut.Keeps(Key(z), token))
                        best = best.Or(_noise.Score(row, token, z, statistics.Maximum), token);
                }
                scores[Group.IdxX] = best.Score;
                tokens[Group.IdxX] = best.Token;
                Group.Barrier();
                if (Group.IdxX == 0)
                {
                    for (var thread = 1; thread < Group.DimX; thread++)
                        best = best.Or(scores[thread], tokens[thread]);
                    _result.Write(row, best.Token);
                }
                Group.Barrier();
            }
        }

        /// <summary>
        /// The shortest beginning of the ranking, of what an earlier cut left, that reaches a sum: of tokens, or of mass. First the largest key from which on the sum is reached, bit by bit; then, among the
        /// tokens with that key, the smallest id up to which it is reached.
        /// </summary>
        private RankingCut Cut(ArrayView<ulong> sums, int row, RankingCut left, int isMass, ulong wanted, float maximum)
        {
            var key = 0u;
            for (var bit = 31; bit >= 0; bit--)
            {
                var candidate = key | (1u << bit);
                if (Total(sums, row, left, candidate, 0, _vocabulary, isMass, maximum) >= wanted)
                    key = candidate;
            }
            var above = key == uint.MaxValue ? 0 : Total(sums, row, left, key + 1, 0, _vocabulary, isMass, maximum);
            var low = 0;
            var high = _vocabulary - 1;
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (above + Total(sums, row, left, key, 1, middle, isMass, maximum) >= wanted)
                    high = middle;
                else
                    low = middle + 1;
            }
            return new(key, low);
        }

        /// <summary>The number or the mass of the tokens that an earlier cut left, with at least a key (or exactly that one and at most an id), the same in every thread of the group.</summary>
        private ulong Total(ArrayView<ulong> sums, int row, RankingCut left, uint key, int isExact, int last, int isMass, float maximum)
        {
            ulong own = 0;
            for (var token = Group.IdxX; token < _vocabulary; token += Group.DimX)
            {
                var z = _result.Logits.Read(row, token);
                var found = Key(z);
                var counts = isExact != 0 ? found == key && token <= last : found >= key;
                if (counts && left.Keeps(found, token))
                    own += isMass != 0 ? Mass(ScalarMath.Exp(z - maximum)) : 1ul;
            }
            sums[Group.IdxX] = own;
            Group.Barrier();
            ulong total = 0;
            for (var thread = 0; thread < Group.DimX; thread++)
                total += sums[thread];
            Group.Barrier();
            return total;
        }

        /// <summary>A whole number that rises with the logit; both zeros are one.</summary>
        private static uint Key(float z)
        {
            var bits = z == 0f ? 0u : Interop.FloatAsInt(z);
            return (bits & 0x8000_0000u) != 0u ? ~bits : bits | 0x8000_0000u;
        }

        /// <summary>A share of the largest probability in whole numbers of 2^-40, as the CPU counts it.</summary>
        private static ulong Mass(float share) => (ulong)(share * 1099511627776f);
    }
}
