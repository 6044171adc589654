// Sampling: a token from every row of logits by Gumbel-max, and its log-probability.
//
// z[v] = factor * logits[v]; score[v] = z[v] - log(-log(u[v])), u[v] = word v mod 4 of the Philox block (sample, position, v / 4, 0); the token is the candidate of the largest score, ties to the
// lowest id, or without noise (greedy) the first largest z. Top-k, then top-p, then min-p take candidates away first. The log-probability is that of all tokens, by the law of row_statistics.cuh.
// Shapes: logits [B, V]: float, overwritten with z; tokens, samples, positions [B]: int; log_probabilities [B]: float.
//
// Every step is exact (comparisons, whole numbers) or the same fp32 operations as the CPU's, so equal logits give the CPU's tokens, bit by bit. In particular the mass that top-p adds up is counted in
// whole numbers of 2^-40 of the largest probability: such a sum has no order, and blocks of threads may take it in any.
//
// Three launches, since blocks of one launch do not wait for each other:
//   sampling_scale     scales and finds the maximum of each part of 4096 columns
//   sampling_scores    the row's maximum; for each part the sixteen sums of exponentials, and the best token where nothing is truncated but by min-p
//   sampling_finish    a warp a row: folds the sums and picks the best of the parts; or
//   sampling_truncated a block a row: folds the sums, finds where top-k and top-p cut, and draws from what is left
// A row of 152k columns is 38 blocks in the first two, so even one row (decoding a single sequence) keeps part of the device busy. Bound by operations: about 80 per token of the vocabulary (an
// exponential, two logarithms, a quarter of a Philox block); in bytes 12 V a row, mostly from the cache. The cut is found by counting, four passes over the row: first 2048 steps of 1/64 below the
// maximum, which spread the logits evenly, then three digits of the float's bits within that step.
// Not yet measured on a GPU. Where to read first: score_group, then sampling_scores; find_cut for the cut.
#include "philox.cuh"
#include "row_statistics.cuh"

constexpr int BINS = 2048;
constexpr int NO_TOKEN = -1;
constexpr int EVERY_ID = 0x7fffffff;
constexpr float MASS_UNIT = 1099511627776.0f;

struct Best
{
    float score;
    int token;
};

DEVICE Best no_best() { return {bits_float(0xff800000u), NO_TOKEN}; }

/// Of two scores the larger, of equal ones that with the lower id. A score that is not a number, or minus infinity, never wins.
DEVICE Best better(Best left, Best right)
{
    bool takes_right = right.token != NO_TOKEN && (left.token == NO_TOKEN || right.score > left.score || (right.score == left.score && right.token < left.token));
    return takes_right ? right : left;
}

DEVICE void offer(Best& best, float score, int token)
{
    if (score > bits_float(0xff800000u)) best = better(best, {score, token});
}

DEVICE Best warp_best(Best best)
{
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2)
        best = better(best, {__shfl_xor_sync(FULL_WARP, best.score, distance), __shfl_xor_sync(FULL_WARP, best.token, distance)});
    return best;
}

/// The best of all threads of the block, in the threads of warp 0. `scores` and `tokens` are shared memory [32].
DEVICE Best block_best(Best best, float* scores, int* tokens)
{
    int warp = static_cast<int>(threadIdx.x) / WARP;
    int lane = static_cast<int>(threadIdx.x) % WARP;
    best = warp_best(best);
    if (lane == 0)
    {
        scores[warp] = best.score;
        tokens[warp] = best.token;
    }
    __syncthreads();
    best = no_best();
    if (warp > 0) return best;
    if (lane < static_cast<int>(blockDim.x) / WARP) best = {scores[lane], tokens[lane]};
    return warp_best(best);
}

DEVICE float gumbel_score(float z, unsigned word) { return z - logarithm(-logarithm(philox_unit(word))); }

/// Scales the parts of a row in place and writes the maximum of each. Block (row, part).
KERNEL(256) sampling_scale(float* __restrict__ maxima, float* __restrict__ logits, long long logits_stride, int vocabulary, float factor)
{
    SHARED(float, scratch, WARP);
    const int in_flight = 8;
    int threads = static_cast<int>(blockDim.x);
    float* row = logits + blockIdx.x * logits_stride;
    int end = min(vocabulary, static_cast<int>(blockIdx.y + 1) * STATISTICS_BLOCK);
    float maximum = bits_float(0xff800000u);
    for (int start = static_cast<int>(blockIdx.y) * STATISTICS_BLOCK + static_cast<int>(threadIdx.x); start < end; start += in_flight * threads)
    {
        float values[in_flight];
#pragma unroll
        for (int i = 0; i < in_flight; i++) values[i] = start + i * threads < end ? row[start + i * threads] * factor : bits_float(0xff800000u);
#pragma unroll
        for (int i = 0; i < in_flight; i++)
        {
            maximum = fmaxf(maximum, values[i]);
            if (start + i * threads < end) row[start + i * threads] = values[i];
        }
    }
    maximum = block_maximum(maximum, scratch);
    if (threadIdx.x == 0) maxima[blockIdx.x * gridDim.y + blockIdx.y] = maximum;
}

/// The maximum of a row from those of its parts, by all threads and for all of them.
DEVICE float row_maximum(const float* maxima, int parts, float* scratch)
{
    float maximum = bits_float(0xff800000u);
    for (int part = static_cast<int>(threadIdx.x); part < parts; part += static_cast<int>(blockDim.x)) maximum = fmaxf(maximum, maxima[part]);
    return block_maximum(maximum, scratch);
}

/// Offers four neighboring tokens, which share a Philox block; e are their exponentials.
DEVICE void score_group(Best& best, const float (&z)[4], const float (&e)[4], int token, int end, int sample, int position, float min_p, unsigned long long seed)
{
    PhiloxBlock noise = philox(static_cast<unsigned>(sample), static_cast<unsigned>(position), static_cast<unsigned>(token) >> 2, 0u, seed);
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        if (token + i < end && !(e[i] < min_p)) offer(best, gumbel_score(z[i], noise.words[i]), token + i);
    }
}

/// Block (row, part): the sixteen sums of exponentials of a part, and its best token: under greedy the first of the row's maximum, none where a truncated draw follows.
KERNEL(256) sampling_scores(float* __restrict__ sums, float* __restrict__ best_scores, int* __restrict__ best_tokens, const float* __restrict__ maxima, const float* __restrict__ logits,
    long long logits_stride, const int* __restrict__ samples, const int* __restrict__ positions, int vocabulary, int greedy, int truncated, float min_p, unsigned long long seed)
{
    SHARED(float, tile, STATISTICS_BLOCK);
    SHARED(float, scratch, WARP);
    SHARED(float, scores, WARP);
    SHARED(int, tokens, WARP);
    int threads = static_cast<int>(blockDim.x);
    int thread = static_cast<int>(threadIdx.x);
    int row = static_cast<int>(blockIdx.x);
    int parts = static_cast<int>(gridDim.y);
    int start = static_cast<int>(blockIdx.y) * STATISTICS_BLOCK;
    int count = min(STATISTICS_BLOCK, vocabulary - start);
    const float* z = logits + row * logits_stride + start;
    for (int column = thread; column < count; column += threads) tile[column] = z[column];
    float maximum = row_maximum(maxima + static_cast<long long>(row) * parts, parts, scratch);

    Best best = no_best();
    int sample = samples[row];
    int position = positions[row];
    for (int column = 4 * thread; column < count; column += 4 * threads)
    {
        float values[4];
        float e[4];
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            values[i] = column + i < count ? tile[column + i] : bits_float(0xff800000u);
            e[i] = exponential(values[i] - maximum);
            if (column + i < count) tile[column + i] = e[i];
        }
        if (greedy != 0)
        {
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                if (values[i] == maximum && column + i < count) best = better(best, {0.0f, start + column + i});
            }
        }
        else if (truncated == 0) score_group(best, values, e, start + column, start + count, sample, position, min_p, seed);
    }
    best = block_best(best, scores, tokens);

    long long part = static_cast<long long>(row) * parts + blockIdx.y;
    if (thread < STATISTICS_LANES)
    {
        float sum = 0.0f;
#pragma unroll 8
        for (int column = thread; column < count; column += STATISTICS_LANES) sum += tile[column];
        sums[part * STATISTICS_LANES + thread] = sum;
    }
    if (thread == 0)
    {
        best_scores[part] = best.score;
        best_tokens[part] = best.token;
    }
}

/// Token and log-probability of a row from its best token; only a row without a finite logit has none, and its log-probability says so.
DEVICE void write_token(int* tokens, float* log_probabilities, const float* z, int row, int token, float maximum, float sum)
{
    token = token == NO_TOKEN ? 0 : token;
    tokens[row] = token;
    log_probabilities[row] = z[token] - maximum - logarithm(sum);
}

/// A warp a row.
KERNEL(32) sampling_finish(int* __restrict__ tokens, float* __restrict__ log_probabilities, const float* __restrict__ logits, long long logits_stride, const float* __restrict__ maxima,
    const float* __restrict__ sums, const float* __restrict__ best_scores, const int* __restrict__ best_tokens, int parts)
{
    SHARED(float, scratch, WARP);
    long long row = blockIdx.x;
    float maximum = row_maximum(maxima + row * parts, parts, scratch);
    float sum = fold_lanes(sums + row * parts * STATISTICS_LANES, parts);
    Best best = no_best();
    for (int part = static_cast<int>(threadIdx.x); part < parts; part += WARP) best = better(best, {best_scores[row * parts + part], best_tokens[row * parts + part]});
    best = warp_best(best);
    if (threadIdx.x == 0) write_token(tokens, log_probabilities, logits + row * logits_stride, static_cast<int>(row), best.token, maximum, sum);
}

/// A whole number that rises with the logit; both zeros are one.
DEVICE unsigned order_key(float z)
{
    unsigned bits = z == 0.0f ? 0u : float_bits(z);
    return (bits & 0x80000000u) != 0u ? ~bits : bits | 0x80000000u;
}

/// The probability of a token as a share of the largest, in whole numbers of 2^-40.
DEVICE unsigned long long mass_of(float z, float maximum) { return static_cast<unsigned long long>(exponential(z - maximum) * MASS_UNIT); }

/// The tokens that rank before a place: those of a larger key, and those of the key itself up to an id. The ranking is by falling logit, equal logits by rising id.
struct Cut
{
    unsigned key;
    int last_id;
};

DEVICE bool is_before(Cut cut, float z, int id)
{
    unsigned key = order_key(z);
    return key > cut.key || (key == cut.key && id <= cut.last_id);
}

/// What narrows the place of the cut from pass to pass: the step below the maximum, then the upper bits of the key.
struct CutPlace
{
    int step;
    unsigned key, mask;
};

/// The bin of a pass, falling logits into rising bins; a negative one for a token that the passes before have ruled out.
DEVICE int cut_bin(int pass, const CutPlace& place, float z, float maximum)
{
    int step = static_cast<int>(fminf((maximum - z) * 64.0f, static_cast<float>(BINS - 1)));
    if (pass == 0) return step;
    unsigned key = order_key(z);
    if (step != place.step || (key & place.mask) != place.key) return -1;
    unsigned digit = pass == 1 ? key >> 21 : pass == 2 ? (key >> 10) & 0x7ffu : key & 0x3ffu;
    return BINS - 1 - static_cast<int>(digit);
}

/// Sums of 64 bits for each bin, in shared memory.
struct Bins
{
    int* low;
    int* high;
};

/// Two additions of 32 bits, the second mostly left out: an atomic addition of 64 bits to shared memory is a loop of exchanges. The sum is the same in any order.
DEVICE void add_to_bin(const Bins& bins, int bin, unsigned long long weight)
{
    unsigned low = static_cast<unsigned>(weight);
    unsigned old = static_cast<unsigned>(atomicAdd(bins.low + bin, static_cast<int>(low)));
    unsigned high = static_cast<unsigned>(weight >> 32) + (old > 0xffffffffu - low ? 1u : 0u);
    if (high != 0u) atomicAdd(bins.high + bin, static_cast<int>(high));
}

DEVICE unsigned long long bin_weight(const Bins& bins, int bin)
{
    return static_cast<unsigned long long>(static_cast<unsigned>(bins.high[bin])) << 32 | static_cast<unsigned>(bins.low[bin]);
}

/// The first bin at which `before` and the bins up to it reach `wanted`, and what lies before it; BINS where they never do. By warp 0 alone; `bins` is shared memory.
DEVICE int reaching_bin(const Bins& bins, unsigned long long wanted, unsigned long long& before)
{
    const int each = BINS / WARP;
    int lane = static_cast<int>(threadIdx.x);
    unsigned long long own = 0;
    for (int i = 0; i < each; i++) own += bin_weight(bins, lane * each + i);
    unsigned long long end = own;
#pragma unroll
    for (int distance = 1; distance < WARP; distance *= 2)
    {
        unsigned long long other = __shfl_up_sync(FULL_WARP, end, distance);
        if (lane >= distance) end += other;
    }
    unsigned long long sum = before + end - own;
    int found = BINS;
    for (int i = 0; i < each && found == BINS; i++)
    {
        unsigned long long next = sum + bin_weight(bins, lane * each + i);
        if (sum < wanted && next >= wanted) found = lane * each + i;
        else sum = next;
    }
    unsigned finders = __ballot_sync(FULL_WARP, found != BINS);
    if (finders == 0u) return BINS;
    int finder = __popc(~finders & (finders - 1u));
    before = __shfl_sync(FULL_WARP, sum, finder);
    return __shfl_sync(FULL_WARP, found, finder);
}

/// What the threads of a block share while a cut is found.
struct CutScratch
{
    Bins bins;
    unsigned long long* before;
    unsigned long long* masses;
    int* bin;
    int* counts;
};

/// The lowest id up to which `needed` tokens of the key lie: every thread counts a stretch of ids, and the one whose stretch holds the place says where.
DEVICE int id_of_equal(const float* z, int vocabulary, unsigned key, unsigned long long needed, const CutScratch& scratch)
{
    int threads = static_cast<int>(blockDim.x);
    int warp = static_cast<int>(threadIdx.x) / WARP;
    int lane = static_cast<int>(threadIdx.x) % WARP;
    int stretch = (vocabulary + threads - 1) / threads;
    int first = static_cast<int>(threadIdx.x) * stretch;
    int end = min(vocabulary, first + stretch);
    int count = 0;
    for (int id = first; id < end; id++) count += order_key(z[id]) == key ? 1 : 0;
    int place = count;
#pragma unroll
    for (int distance = 1; distance < WARP; distance *= 2)
    {
        int other = __shfl_up_sync(FULL_WARP, place, distance);
        if (lane >= distance) place += other;
    }
    if (lane == WARP - 1) scratch.counts[warp] = place;
    if (threadIdx.x == 0) *scratch.bin = EVERY_ID;
    __syncthreads();
    unsigned long long before = static_cast<unsigned long long>(place - count);
    for (int other = 0; other < warp; other++) before += static_cast<unsigned long long>(scratch.counts[other]);
    if (before < needed && needed <= before + static_cast<unsigned long long>(count))
    {
        int id = first - 1;
        while (before < needed)
        {
            id++;
            before += order_key(z[id]) == key ? 1 : 0;
        }
        *scratch.bin = id;
    }
    __syncthreads();
    return *scratch.bin;
}

/// The cut behind the first tokens of the ranking whose weights reach `wanted`, a weight being 1 (`by_mass` 0) or the token's mass; only tokens before `pool` and of at least `minimum` count.
/// All threads of the block. Where the weights never reach `wanted`, all are before the cut.
DEVICE Cut find_cut(const float* z, int vocabulary, float maximum, bool by_mass, Cut pool, float minimum, unsigned long long wanted, const CutScratch& scratch)
{
    int threads = static_cast<int>(blockDim.x);
    int thread = static_cast<int>(threadIdx.x);
    CutPlace place = {0, 0u, 0u};
    if (thread == 0) *scratch.before = 0;
    for (int pass = 0; pass < 4; pass++)
    {
        for (int bin = thread; bin < BINS; bin += threads)
        {
            scratch.bins.low[bin] = 0;
            scratch.bins.high[bin] = 0;
        }
        __syncthreads();
        for (int id = thread; id < vocabulary; id += threads)
        {
            float value = z[id];
            int bin = cut_bin(pass, place, value, maximum);
            if (bin >= 0 && value >= minimum && is_before(pool, value, id)) add_to_bin(scratch.bins, bin, by_mass ? mass_of(value, maximum) : 1ull);
        }
        __syncthreads();
        if (thread < WARP)
        {
            unsigned long long before = *scratch.before;
            int bin = reaching_bin(scratch.bins, wanted, before);
            __syncwarp();
            if (thread == 0)
            {
                *scratch.bin = bin;
                *scratch.before = before;
            }
        }
        __syncthreads();
        int bin = *scratch.bin;
        if (bin == BINS) return {0u, EVERY_ID};
        unsigned digit = static_cast<unsigned>(BINS - 1 - bin);
        if (pass == 0) place.step = bin;
        else if (pass == 1) place = {place.step, digit << 21, 0xffe00000u};
        else if (pass == 2) place = {place.step, place.key | digit << 10, 0xfffffc00u};
        else place.key |= digit;
    }
    // All tokens of this key have one weight; how many of them are needed?
    unsigned long long there = bin_weight(scratch.bins, BINS - 1 - static_cast<int>(place.key & 0x3ffu));
    unsigned long long missing = wanted - *scratch.before;
    __syncthreads();
    if (missing >= there) return {place.key, EVERY_ID};
    unsigned bits = (place.key & 0x80000000u) != 0u ? place.key & 0x7fffffffu : ~place.key;
    unsigned long long weight = by_mass ? mass_of(bits_float(bits), maximum) : 1ull;
    return {place.key, id_of_equal(z, vocabulary, place.key, (missing + weight - 1) / weight, scratch)};
}

/// The mass of the tokens before a cut, for all threads.
DEVICE unsigned long long mass_before(const float* z, int vocabulary, float maximum, Cut cut, const CutScratch& scratch)
{
    unsigned long long mass = 0;
    for (int id = static_cast<int>(threadIdx.x); id < vocabulary; id += static_cast<int>(blockDim.x))
    {
        if (is_before(cut, z[id], id)) mass += mass_of(z[id], maximum);
    }
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) mass += __shfl_xor_sync(FULL_WARP, mass, distance);
    if (threadIdx.x % WARP == 0) scratch.masses[threadIdx.x / WARP] = mass;
    __syncthreads();
    mass = 0;
    for (int warp = 0; warp < static_cast<int>(blockDim.x) / WARP; warp++) mass += scratch.masses[warp];
    return mass;
}

/// The smallest whole number of mass that is at least top_p of the total.
DEVICE unsigned long long wanted_mass(float top_p, unsigned long long total)
{
    double wanted = static_cast<double>(top_p) * static_cast<double>(total);
    unsigned long long whole = static_cast<unsigned long long>(wanted);
    return static_cast<double>(whole) < wanted ? whole + 1 : whole;
}

/// A block a row: top-k and top-p, then min-p, then the draw. A row with NaN has no ranking; it is drawn from as it is, and its log-probability is NaN.
KERNEL_BOUNDS(1024, 1) sampling_truncated(int* __restrict__ tokens, float* __restrict__ log_probabilities, const float* __restrict__ logits, long long logits_stride, const float* __restrict__ maxima,
    const float* __restrict__ sums, const int* __restrict__ samples, const int* __restrict__ positions, int parts, int vocabulary, int top_k, float top_p, float min_p, unsigned long long seed)
{
    SHARED(int, bins_low, BINS);
    SHARED(int, bins_high, BINS);
    SHARED(unsigned long long, before, 1);
    SHARED(unsigned long long, masses, WARP);
    SHARED(int, bin, 1);
    SHARED(int, counts, WARP);
    SHARED(float, scratch, WARP);
    SHARED(float, scores, WARP);
    SHARED(int, best_tokens, WARP);
    CutScratch cut_scratch = {{bins_low, bins_high}, before, masses, bin, counts};
    int row = static_cast<int>(blockIdx.x);
    const float* z = logits + row * logits_stride;
    float maximum = row_maximum(maxima + static_cast<long long>(row) * parts, parts, scratch);
    __syncthreads();
    if (threadIdx.x < WARP)
    {
        float total = fold_lanes(sums + static_cast<long long>(row) * parts * STATISTICS_LANES, parts);
        if (threadIdx.x == 0) scratch[0] = total;
    }
    __syncthreads();
    float sum = scratch[0];

    Cut cut = {0u, EVERY_ID};
    float minimum = bits_float(0xff800000u);
    if (sum == sum)
    {
        bool has_top_k = top_k > 0 && top_k < vocabulary;
        if (has_top_k) cut = find_cut(z, vocabulary, maximum, false, cut, minimum, static_cast<unsigned long long>(top_k), cut_scratch);
        if (top_p < 1.0f)
        {
            unsigned long long total = static_cast<unsigned long long>(sum * MASS_UNIT);
            if (has_top_k) total = mass_before(z, vocabulary, maximum, cut, cut_scratch);
            else
            {
                // Tokens below half of (1 - p) / V of the total hold less than half of what top-p takes away.
                float share = (1.0f - top_p) * sum / (2.0f * static_cast<float>(vocabulary));
                float bound = maximum + logarithm(share);
                minimum = bound < maximum ? bound : maximum;
            }
            cut = find_cut(z, vocabulary, maximum, true, cut, minimum, wanted_mass(top_p, total), cut_scratch);
        }
    }

    Best best = no_best();
    int sample = samples[row];
    int position = positions[row];
    for (int token = 4 * static_cast<int>(threadIdx.x); token < vocabulary; token += 4 * static_cast<int>(blockDim.x))
    {
        float values[4];
        float e[4];
        bool any = false;
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            values[i] = token + i < vocabulary ? z[token + i] : bits_float(0xff800000u);
            bool candidate = sum != sum || (values[i] >= minimum && is_before(cut, values[i], token + i));
            e[i] = exponential(values[i] - maximum);
            if (!candidate) values[i] = bits_float(0xff800000u);
            any = any || candidate;
        }
        if (any) score_group(best, values, e, token, vocabulary, sample, position, min_p, seed);
    }
    best = block_best(best, scores, best_tokens);
    if (threadIdx.x == 0) write_token(tokens, log_probabilities, z, row, best.token, maximum, sum);
}
