// The head: log-probability, entropy, objective and the gradient of the logits, in chunks of rows x the whole vocabulary, so that the logits of the batch never exist.
//
// Forward:  z[n, v] = factor * sum_c hidden[n, c] weight[v, c], logp = z[target] - logsumexp(z), entropy = logsumexp(z) - sum softmax(z) z
// Backward: dLogits = derivative * normalizer * factor * (onehot - softmax(z)) in place of the logits, dHidden = dLogits * weight, dWeight += dLogits^T * hidden
// Shapes:   hidden, dHidden [N, C], weight [V, C]: storage; logits [chunk, V]: float, then dLogits in storage; dWeight [V, C], all that is per token [N]: float; targets [N]: int.
// The results and dHidden are overwritten, dWeight is added to.
//
// The three products (6 N C V operations, what bounds the head) are those of linear.cu. Here are the steps between them. Bound by bytes: forward the logits are read twice (8 V bytes a row), with the
// gradient three times and written once (16 V bytes in float, 14 V in bfloat16): with C = 3584 about a tenth of the time of the products.
//
// Only rows with a target are computed. head_rows lists them in their order, the trained ones first, then those that only want their statistics; head_gather and head_scatter move their rows between
// the packed batch and the chunk. Nothing of this is read by the host: the number of listed rows stays on the device, and work on rows behind it ends at once (the products of cuBLASLt know no such
// number: for them those rows are cleared). Gathering changes no bit: a row of a product depends on its own row alone, and the chain of dWeight runs over the trained rows in their order, in whatever
// chunks; in bfloat16 it takes them in steps of 16, so that chunks are whole steps (a workspace of fewer than 16 rows rounds dWeight otherwise, nothing else).
//
// dLogits in bfloat16 lie in the front half of the logits' own rows (row stride twice that of the logits): element v at byte 2v takes the place of float v / 2. So a block goes through its row in
// rising stretches: it reads a stretch into registers, waits for all its threads, and writes; what a stretch overwrites was read in it or before, and the next one lies wholly behind it.
//
// The constants of the objective are arguments, not compiled in: they decide a few operations per row of V columns, and a kernel for each of their sixteen pairs would save nothing.
// Bad data: a target outside the vocabulary is reported in `faults` and its row is one without a target.
// Not yet measured on a GPU. Where to read first: row_statistics.cuh, then head_objective.
#include "objective.cuh"
#include "row_statistics.cuh"
#include "rows.cuh"

constexpr int FAULT_TARGET = 5;

/// The numbers of listed rows: those with a gradient, and all.
constexpr int TRAINED = 0;
constexpr int LISTED = 1;

/// The place of this thread's row behind `first` if `taken`; moves `first` behind the rows of the block. `counts` is shared memory [32].
DEVICE int take_place(bool taken, int& first, int* counts)
{
    int warp = static_cast<int>(threadIdx.x) / WARP;
    int lane = static_cast<int>(threadIdx.x) % WARP;
    unsigned ballot = __ballot_sync(FULL_WARP, taken);
    __syncthreads();
    if (lane == 0) counts[warp] = __popc(ballot);
    __syncthreads();
    int place = first + __popc(ballot & ((1u << lane) - 1u));
    for (int other = 0; other < static_cast<int>(blockDim.x) / WARP; other++)
    {
        int count = counts[other];
        if (other < warp) place += count;
        first += count;
    }
    return place;
}

/// Lists the rows that have a target, the trained ones (normalizer not 0; all without normalizers) first, and clears the results of the others. One block. Results that are absent are null.
KERNEL(1024) head_rows(int* __restrict__ rows, int* __restrict__ counts, float* __restrict__ log_probabilities, float* __restrict__ entropies, float* __restrict__ losses, float* __restrict__ ratios,
    const int* __restrict__ targets, const float* __restrict__ normalizers, int length, int vocabulary, int* faults)
{
    SHARED(int, warp_counts, WARP);
    int threads = static_cast<int>(blockDim.x);
    int listed = 0;
    for (int untrained = 0; untrained < 2; untrained++)
    {
        for (int start = 0; start < length; start += threads)
        {
            int row = start + static_cast<int>(threadIdx.x);
            bool taken = false;
            if (row < length)
            {
                int target = targets[row];
                bool bad = target < -1 || target >= vocabulary;
                bool trained = normalizers == nullptr || normalizers[row] != 0.0f;
                taken = target >= 0 && !bad && trained == (untrained == 0);
                if (untrained == 0)
                {
                    if (bad) atomicMax(faults, FAULT_TARGET);
                    if (bad || target < 0)
                    {
                        log_probabilities[row] = 0.0f;
                        if (entropies != nullptr) entropies[row] = 0.0f;
                        if (losses != nullptr) losses[row] = 0.0f;
                        if (ratios != nullptr) ratios[row] = 0.0f;
                    }
                }
            }
            int place = take_place(taken, listed, warp_counts);
            if (taken) rows[place] = row;
        }
        if (threadIdx.x == 0) counts[untrained == 0 ? TRAINED : LISTED] = listed;
    }
}

/// The hidden states of the listed rows from `first` on, one after the other; rows behind the last are cleared if `clears` is not 0. A block a row.
KERNEL(128) head_gather(storage_t* __restrict__ gathered, const storage_t* __restrict__ hidden, long long hidden_stride, const int* __restrict__ rows, const int* __restrict__ counts, int first,
    int channels, int clears)
{
    int index = first + static_cast<int>(blockIdx.x);
    storage_t* output = gathered + static_cast<long long>(blockIdx.x) * channels;
    if (index < counts[LISTED]) copy_row(output, hidden + rows[index] * hidden_stride, channels);
    else if (clears != 0) clear_row(output, channels);
}

/// The gradients of the trained rows from `first` on, each to its place. A block a row.
KERNEL(128) head_scatter(storage_t* __restrict__ d_hidden, long long d_hidden_stride, const storage_t* __restrict__ gathered, const int* __restrict__ rows, const int* __restrict__ counts, int first,
    int channels)
{
    int index = first + static_cast<int>(blockIdx.x);
    if (index < counts[TRAINED]) copy_row(d_hidden + rows[index] * d_hidden_stride, gathered + static_cast<long long>(blockIdx.x) * channels, channels);
}

/// Clears the gradients of rows that are not trained. A block a row.
KERNEL(128) head_clear(storage_t* __restrict__ d_hidden, long long d_hidden_stride, const int* __restrict__ targets, const float* __restrict__ normalizers, int channels, int vocabulary)
{
    long long row = blockIdx.x;
    bool trained = targets[row] >= 0 && targets[row] < vocabulary && normalizers[row] != 0.0f;
    if (!trained) clear_row(d_hidden + row * d_hidden_stride, channels);
}

/// Log-probability and entropy of the listed rows from `first` on, from their unscaled logits. A block a row.
KERNEL_BOUNDS(1024, 1) head_statistics(float* __restrict__ log_probabilities, float* __restrict__ entropies, const float* __restrict__ logits, long long logits_stride, const int* __restrict__ rows,
    const int* __restrict__ counts, const int* __restrict__ targets, int first, int vocabulary, float factor)
{
    DYNAMIC_SHARED(float, scratch);
    int index = first + static_cast<int>(blockIdx.x);
    if (index >= counts[LISTED]) return;
    const float* row = logits + blockIdx.x * logits_stride;
    RowStatistics statistics = row_statistics(row, vocabulary, factor, scratch);
    if (threadIdx.x > 0) return;
    int token = rows[index];
    log_probabilities[token] = log_probability(row[targets[token]] * factor, statistics);
    if (entropies != nullptr) entropies[token] = entropy(statistics);
}

DEVICE float value_or_zero(const float* values, int index) { return values == nullptr ? 0.0f : values[index]; }

/// Replaces the unscaled logits of a row by scale * (onehot(target) - exp(z - maximum) / sum), all threads of the block.
DEVICE void replace_by_gradient(float* logits, int columns, float factor, const RowStatistics& statistics, float scale, int target)
{
    const int in_flight = 8;
    int threads = static_cast<int>(blockDim.x);
    storage_t* gradients = reinterpret_cast<storage_t*>(logits);
    float share = -scale / statistics.sum;
    for (int start = 0; start < columns; start += in_flight * threads)
    {
        float values[in_flight];
#pragma unroll
        for (int i = 0; i < in_flight; i++)
        {
            int column = start + i * threads + static_cast<int>(threadIdx.x);
            values[i] = column < columns ? logits[column] : 0.0f;
        }
#if STORAGE_BITS == 16
        __syncthreads();
#endif
#pragma unroll
        for (int i = 0; i < in_flight; i++)
        {
            int column = start + i * threads + static_cast<int>(threadIdx.x);
            float gradient = exponential(values[i] * factor - statistics.maximum) * share;
            if (column == target) gradient += scale;
            if (column < columns) store(gradients + column, gradient);
        }
    }
}

/// Statistics, loss and ratio of the listed rows from `first` on and, in place of their logits, the gradient of the trained ones; the rows behind them are
/// cleared if `clears` is not 0. A block a row.
KERNEL_BOUNDS(1024, 1) head_objective(float* __restrict__ logits, long long logits_stride, float* __restrict__ log_probabilities, float* __restrict__ entropies, float* __restrict__ losses,
    float* __restrict__ ratios, const int* __restrict__ rows, const int* __restrict__ counts, const int* __restrict__ targets, const float* __restrict__ weights, const float* __restrict__ normalizers,
    const float* __restrict__ behavior, const float* __restrict__ snapshot, const float* __restrict__ reference, const float* __restrict__ sequence_log_ratios, int first, int vocabulary, int ratio,
    int divergence, float clip_low, float clip_high, float coefficient, float factor, int clears)
{
    DYNAMIC_SHARED(float, scratch);
    int index = first + static_cast<int>(blockIdx.x);
    float* row = logits + blockIdx.x * logits_stride;
    if (index >= counts[LISTED])
    {
        if (clears != 0) clear_row(reinterpret_cast<storage_t*>(row), vocabulary);
        return;
    }
    int token = rows[index];
    int target = targets[token];
    bool trained = index < counts[TRAINED];
    RowStatistics statistics = row_statistics(row, vocabulary, factor, scratch);

    // Every thread computes the same few numbers; it is cheaper than handing them round.
    ObjectiveConstants constants = {ratio, divergence, clip_low, clip_high, coefficient};
    float logp = log_probability(row[target] * factor, statistics);
    TokenTerm term = token_objective(constants, logp, value_or_zero(behavior, token), value_or_zero(snapshot, token), value_or_zero(sequence_log_ratios, token), value_or_zero(reference, token),
        weights[token]);
    float normalizer = normalizers[token];
    if (threadIdx.x == 0)
    {
        log_probabilities[token] = logp;
        entropies[token] = entropy(statistics);
        ratios[token] = term.ratio;
        losses[token] = trained ? term.loss * normalizer : 0.0f;
    }
    __syncthreads();
    if (trained) replace_by_gradient(row, vocabulary, factor, statistics, term.derivative * normalizer * factor, target);
    else if (clears != 0) clear_row(reinterpret_cast<storage_t*>(row), vocabulary);
}
