// Sums over the tokens of a batch: the mean log ratio of every sequence, and the statistics of a step.
//
// sequence_log_ratios:  r[n] = mean over the trained tokens m of n's sequence of logp[m] - behavior[m]                                   (overwrites the rows of the sequences)
// objective_statistics: the metrics block of src/Sophia.Native/Objectives/ObjectiveMetrics.cs, sums over trained tokens, in double        (adds; raises the maximum)
// Shapes: all per token [N]: float; targets [N], offsets [B + 1]: int; metrics [137]: double.
//
// Both add in the order of the tokens and in double, as the CPU does, so that the sums have its bits and so that the histogram and the sums of two halves of a step are those of the whole.
// 256 tokens at a time are brought into shared memory by all threads; one thread for each sum then adds them, which at eight cycles an addition is about 20 us for 4096 tokens: once per step.
// Bound by that chain, not by bytes (4 to 36 N).
// Bad data: offsets that are out of order or outside the rows are reported in `faults`; that sequence is left out.
// Not yet measured on a GPU. Where to read first: sequence_log_ratios.
#include "math.cuh"

constexpr int FAULT_OFFSETS = 4;
constexpr int TOKENS = 256;

/// Doubles from one sum's terms to the next's: one more than the tokens, so that the adding threads read different banks.
constexpr int TERM_STRIDE = TOKENS + 1;

/// A block a sequence. A token that is not trained adds 0, which changes no sum.
KERNEL(256) sequence_log_ratios(float* __restrict__ ratios, const float* __restrict__ log_probabilities, const float* __restrict__ behavior, const float* __restrict__ normalizers,
    const int* __restrict__ offsets, int rows, int* faults)
{
    SHARED(double, differences, TOKENS);
    SHARED(int, trained, TOKENS);
    SHARED(float, mean, 1);
    SHARED(int, largest, TOKENS / WARP);
    int thread = static_cast<int>(threadIdx.x);
    int sequence = static_cast<int>(blockIdx.x);
    int first = offsets[sequence];
    int end = offsets[sequence + 1];
    // Only a sequence that begins behind all earlier ones may write its rows: two blocks never write the same.
    int offset = first;
    for (int i = thread; i < sequence; i += TOKENS) offset = max(offset, offsets[i]);
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) offset = max(offset, __shfl_xor_sync(FULL_WARP, offset, distance));
    if (thread % WARP == 0) largest[thread / WARP] = offset;
    __syncthreads();
    for (int warp = 0; warp < TOKENS / WARP; warp++) offset = max(offset, largest[warp]);
    if (first < 0 || offset > first || end < first || end > rows)
    {
        if (thread == 0) atomicMax(faults, FAULT_OFFSETS);
        return;
    }
    double sum = 0.0;
    int count = 0;
    for (int start = first; start < end; start += TOKENS)
    {
        int row = start + thread;
        bool counts = row < end && normalizers[row] != 0.0f;
        differences[thread] = counts ? static_cast<double>(log_probabilities[row]) - static_cast<double>(behavior[row]) : 0.0;
        trained[thread] = counts ? 1 : 0;
        __syncthreads();
        if (thread == 0)
        {
#pragma unroll 16
            for (int i = 0; i < TOKENS; i++)
            {
                sum += differences[i];
                count += trained[i];
            }
        }
        __syncthreads();
    }
    if (thread == 0) mean[0] = count == 0 ? 0.0f : static_cast<float>(sum / count);
    __syncthreads();
    for (int row = first + thread; row < end; row += static_cast<int>(blockDim.x)) ratios[row] = mean[0];
}

// The indices of the metrics block.
constexpr int METRIC_LOSS = 0;
constexpr int METRIC_TOKENS = 1;
constexpr int METRIC_RATIO = 2;
constexpr int METRIC_RATIO_SQUARE = 3;
constexpr int METRIC_RATIO_MAXIMUM = 4;
constexpr int METRIC_CLIPPED = 5;
constexpr int METRIC_BEHAVIOR = 6;
constexpr int METRIC_REFERENCE = 7;
constexpr int METRIC_ENTROPY = 8;
constexpr int METRIC_SUMS = 9;
constexpr int HISTOGRAM_BINS = 128;

/// The bin of a log ratio: 16 to the unit from -4 to 4, the outer ones open; one that is not a number falls into the first.
DEVICE int histogram_bin(float log_ratio)
{
    float bin = floorf((log_ratio + 4.0f) * 16.0f);
    return bin >= HISTOGRAM_BINS - 1 ? HISTOGRAM_BINS - 1 : bin > 0.0f ? static_cast<int>(bin) : 0;
}

/// One block. Results that the objective does not have are null.
KERNEL(256) objective_statistics(double* __restrict__ metrics, const float* __restrict__ log_probabilities, const float* __restrict__ entropies, const float* __restrict__ losses,
    const float* __restrict__ ratios, const int* __restrict__ targets, const float* __restrict__ normalizers, const float* __restrict__ behavior, const float* __restrict__ reference, int rows,
    float clip_low, float clip_high)
{
    SHARED(double, terms, METRIC_SUMS * TERM_STRIDE);
    SHARED(int, counts, TOKENS);
    SHARED(int, histogram, HISTOGRAM_BINS);
    int thread = static_cast<int>(threadIdx.x);
    if (thread < HISTOGRAM_BINS) histogram[thread] = 0;
    double sum = thread < METRIC_SUMS ? metrics[thread] : 0.0;
    for (int start = 0; start < rows; start += TOKENS)
    {
        __syncthreads();
        int token = start + thread;
        bool trained = token < rows && targets[token] >= 0 && normalizers[token] != 0.0f;
        counts[thread] = trained ? 1 : 0;
        if (trained)
        {
            float ratio = ratios[token];
            float logp = log_probabilities[token];
            terms[METRIC_LOSS * TERM_STRIDE + thread] = losses[token];
            terms[METRIC_TOKENS * TERM_STRIDE + thread] = 1.0;
            terms[METRIC_RATIO * TERM_STRIDE + thread] = ratio;
            terms[METRIC_RATIO_SQUARE * TERM_STRIDE + thread] = static_cast<double>(ratio) * static_cast<double>(ratio);
            terms[METRIC_RATIO_MAXIMUM * TERM_STRIDE + thread] = ratio;
            terms[METRIC_CLIPPED * TERM_STRIDE + thread] = ratio < clip_low || ratio > clip_high ? 1.0 : 0.0;
            terms[METRIC_BEHAVIOR * TERM_STRIDE + thread] = behavior == nullptr ? 0.0 : static_cast<double>(behavior[token]) - static_cast<double>(logp);
            double divergence = 0.0;
            if (reference != nullptr)
            {
                float difference = logp - reference[token];
                divergence = static_cast<double>(exponential(-difference)) - 1.0 + static_cast<double>(difference);
            }
            terms[METRIC_REFERENCE * TERM_STRIDE + thread] = divergence;
            terms[METRIC_ENTROPY * TERM_STRIDE + thread] = entropies[token];
            atomicAdd(histogram + histogram_bin(logarithm(ratio)), 1);
        }
        __syncthreads();
        if (thread < METRIC_SUMS)
        {
            int end = min(TOKENS, rows - start);
            for (int i = 0; i < end; i++)
            {
                if (counts[i] == 0) continue;
                double term = terms[thread * TERM_STRIDE + i];
                if (thread != METRIC_RATIO_MAXIMUM) sum += term;
                else if (!(term <= sum) && sum == sum) sum = term;
            }
        }
    }
    if (thread < METRIC_SUMS) metrics[thread] = sum;
    if (thread < HISTOGRAM_BINS) metrics[METRIC_SUMS + thread] += histogram[thread];
}
