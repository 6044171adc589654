// What all attention kernels share: which rows a thread block works on, the law by which blocks of keys are merged, and the two small kernels around the large ones.
#pragma once

#include "math.cuh"
#include "rows.cuh"

#if !defined(HEAD_SIZE) || HEAD_SIZE < 16 || HEAD_SIZE > 128 || HEAD_SIZE % 16 != 0
#error "HEAD_SIZE must be a multiple of 16 from 16 to 128"
#endif

/// Whether the tensor-core kernels serve this type and head size; otherwise the simple ones do.
#if STORAGE_BITS == 16 && (HEAD_SIZE == 64 || HEAD_SIZE == 128)
#define TENSOR_CORES 1
#else
#define TENSOR_CORES 0
#endif

/// Keys that are taken together, counted from the start of a sequence (Backend.AttentionKeyBlock).
constexpr int KEY_BLOCK = 64;

constexpr float LOG2_E = 1.44269504f;
constexpr float LN_2 = 0.693147181f;

/// What is reported in `faults`: offsets that are out of order or outside the rows, more queries or keys than the stated maximum, a causal sequence with fewer keys than queries.
constexpr int FAULT_SEQUENCE = 4;

/// The arguments that describe the sequences, the same for all kernels.
struct Sequences
{
    const int* query_offsets;
    const int* key_offsets;
    const int* key_lengths;
    int* faults;
    int count;
    int query_rows;
    int key_rows;
    int maximum_queries;
    int maximum_keys;
    int key_value_heads;
    int group_size;
    int causal;
};

/// One sequence; its rows are pairs of query and head of the group, head by head within a query.
struct Sequence
{
    int first_query;
    int queries;
    int first_key;
    int keys;
    int causal;
};

/// Reads the description of a sequence; false, and reported, where it is not a possible one.
DEVICE bool read_sequence(Sequence& sequence, const Sequences& sequences, int index)
{
    int first_query = sequences.query_offsets[index];
    int queries = sequences.query_offsets[index + 1] - first_query;
    int first_key = sequences.key_offsets[index];
    int keys = sequences.key_lengths[index];
    sequence.first_query = first_query;
    sequence.queries = queries;
    sequence.first_key = first_key;
    sequence.keys = keys;
    sequence.causal = sequences.causal;
    bool possible = first_query >= 0 && queries >= 0 && queries <= sequences.maximum_queries && first_query <= sequences.query_rows - queries;
    possible = possible && first_key >= 0 && keys >= 0 && keys <= sequences.maximum_keys && first_key <= sequences.key_rows - keys;
    possible = possible && (sequences.causal == 0 || keys >= queries);
    if (!possible && threadIdx.x == 0) atomicMax(sequences.faults, FAULT_SEQUENCE);
    return possible;
}

/// How many keys, from the first on, a query sees.
DEVICE int visible_keys(const Sequence& sequence, int query) { return sequence.causal != 0 ? sequence.keys - sequence.queries + query + 1 : sequence.keys; }

/// The first query that sees a key.
DEVICE int first_query_that_sees(const Sequence& sequence, int key)
{
    int first = key - (sequence.keys - sequence.queries);
    return sequence.causal != 0 && first > 0 ? first : 0;
}

/// Blocks of `size` that hold `count`.
DEVICE int blocks_of(int count, int size) { return (count + size - 1) / size; }

/// The element at which row `row` of a key-value head begins in a matrix [N, H * D].
DEVICE long long row_offset(const Sequence& sequence, int row, int key_value_head, int group_size, long long stride)
{
    return (sequence.first_query + row / group_size) * stride + static_cast<long long>(key_value_head * group_size + row % group_size) * HEAD_SIZE;
}

/// The element at which a row begins in a matrix [N, H].
DEVICE long long statistic_offset(const Sequence& sequence, int row, int key_value_head, int group_size, long long stride)
{
    return (sequence.first_query + row / group_size) * stride + key_value_head * group_size + row % group_size;
}

DEVICE bool rows_are_aligned(const storage_t* matrix, long long stride) { return is_aligned(matrix) && stride % STORAGE_VECTOR == 0; }

#if TENSOR_CORES
/// Scores of the tensor-core kernels are in units of log2(e), so that this is one instruction.
DEVICE float weight_of(float difference) { return exp2_approximate(difference); }
DEVICE float log_sum_of(float maximum, float sum) { return fmaf(maximum, LN_2, logarithm(sum)); }

/// At the end products are divided by the sum of the weights, here by way of its inverse.
DEVICE float divisor_of(float sum) { return 1.0f / sum; }
DEVICE float divided(float value, float divisor) { return value * divisor; }
#else
DEVICE float weight_of(float difference) { return exponential(difference); }
DEVICE float log_sum_of(float maximum, float sum) { return maximum + logarithm(sum); }
DEVICE float divisor_of(float sum) { return sum; }
DEVICE float divided(float value, float divisor) { return value / divisor; }
#endif

/// What the exponent is taken relative to: the maximum, or 0 where all scores are minus infinity.
DEVICE float reference_of(float maximum) { return maximum == bits_float(0xff800000u) ? 0.0f : maximum; }

/// What multiplies the sums so far and those of the next block when the maximum goes from `old_maximum` to `maximum`. A block whose keys are all masked gives 1 and 0 and so changes no bit.
DEVICE void rescale(float& old_factor, float& block_factor, float old_maximum, float block_maximum, float maximum)
{
    float reference = reference_of(maximum);
    old_factor = weight_of(old_maximum - reference);
    block_factor = weight_of(block_maximum - reference);
}

/// sums * old_factor + block * block_factor: the one way in which a block is merged, for sums of weights and for products with values.
DEVICE float merged(float sums, float block, float old_factor, float block_factor) { return fmaf(block, block_factor, sums * old_factor); }

/// Where the split kernel leaves what it computed for a row and a block of keys: products at [index * HEAD_SIZE], maximum and sum at [index * 2].
DEVICE long long partial_index(const Sequences& sequences, int sequence, int key_value_head, int key_block, int row)
{
    long long pair = static_cast<long long>(sequence) * sequences.key_value_heads + key_value_head;
    return (pair * blocks_of(sequences.maximum_keys, KEY_BLOCK) + key_block) * (sequences.maximum_queries * sequences.group_size) + row;
}

/// Merges the blocks that the split kernel computed, from left to right: a warp for each row. Lane l computes the factors of block 32 i + l, since maxima, unlike sums, may be taken in any order.
KERNEL_BOUNDS(128, 8) attention_merge(storage_t* __restrict__ output, long long output_stride, float* __restrict__ log_sum_exp, long long log_sum_exp_stride, const float* __restrict__ products,
    const float* __restrict__ statistics, const int* __restrict__ query_offsets, const int* __restrict__ key_offsets, const int* __restrict__ key_lengths, int* __restrict__ faults,
    int sequence_count, int query_rows, int key_rows, int maximum_queries, int maximum_keys, int key_value_heads, int group_size, int causal)
{
    constexpr int COLUMNS = (HEAD_SIZE + WARP - 1) / WARP;
    Sequences sequences = {query_offsets, key_offsets, key_lengths, faults, sequence_count, query_rows, key_rows, maximum_queries, maximum_keys, key_value_heads, group_size, causal};
    int lane = static_cast<int>(threadIdx.x) % WARP;
    long long index = static_cast<long long>(blockIdx.x) * (128 / WARP) + threadIdx.x / WARP;
    int rows = maximum_queries * group_size;
    int row = static_cast<int>(index % rows);
    long long pair = index / rows;
    int head = static_cast<int>(pair % key_value_heads);
    Sequence sequence;
    if (pair / key_value_heads >= sequence_count || !read_sequence(sequence, sequences, static_cast<int>(pair / key_value_heads)) || row >= sequence.queries * group_size) return;

    const float nothing = bits_float(0xff800000u);
    float maximum = nothing, sum = 0.0f;
    float sums[COLUMNS];
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) sums[c] = 0.0f;
    int blocks = blocks_of(visible_keys(sequence, row / group_size), KEY_BLOCK);
    for (int start = 0; start < blocks; start += WARP)
    {
        int count = blocks - start < WARP ? blocks - start : WARP;
        const float* statistic = statistics + 2 * partial_index(sequences, static_cast<int>(pair / key_value_heads), head, start + (lane < count ? lane : 0), row);
        float block_maximum = lane < count ? statistic[0] : nothing;
        float block_sum = lane < count ? statistic[1] : 0.0f;
        float largest = block_maximum;
#pragma unroll
        for (int distance = 1; distance < WARP; distance *= 2)
        {
            float before = __shfl_up_sync(FULL_WARP, largest, distance);
            if (lane >= distance) largest = fmaxf(largest, before);
        }
        largest = fmaxf(largest, maximum);
        float old_maximum = __shfl_up_sync(FULL_WARP, largest, 1);
        if (lane == 0) old_maximum = maximum;
        float old_factor, block_factor;
        rescale(old_factor, block_factor, old_maximum, block_maximum, largest);
        maximum = __shfl_sync(FULL_WARP, largest, WARP - 1);
#pragma unroll 4
        for (int i = 0; i < count; i++)
        {
            const float* product = products + HEAD_SIZE * partial_index(sequences, static_cast<int>(pair / key_value_heads), head, start + i, row);
            float old_of_block = __shfl_sync(FULL_WARP, old_factor, i);
            float factor_of_block = __shfl_sync(FULL_WARP, block_factor, i);
            sum = merged(sum, __shfl_sync(FULL_WARP, block_sum, i), old_of_block, factor_of_block);
#pragma unroll
            for (int c = 0; c < COLUMNS; c++)
            {
                int column = c * WARP + lane;
                if (column < HEAD_SIZE) sums[c] = merged(sums[c], product[column], old_of_block, factor_of_block);
            }
        }
    }
    storage_t* destination = output + row_offset(sequence, row, head, group_size, output_stride);
    float divisor = divisor_of(sum);
#pragma unroll
    for (int c = 0; c < COLUMNS; c++)
    {
        int column = c * WARP + lane;
        if (column < HEAD_SIZE) store(destination + column, blocks > 0 ? divided(sums[c], divisor) : 0.0f);
    }
    if (log_sum_exp != nullptr && lane == 0)
        log_sum_exp[statistic_offset(sequence, row, head, group_size, log_sum_exp_stride)] = blocks > 0 ? log_sum_of(maximum, sum) : nothing;
}

/// delta[n, h] = sum over D of dOutput * output: sixteen lanes for a row and head, the order of the CPU for floats (lane l takes columns l, l + 16, ...), eight neighbors for bfloat16.
KERNEL_BOUNDS(256, 4) attention_delta(float* __restrict__ delta, long long delta_stride, const storage_t* __restrict__ d_output, long long d_output_stride, const storage_t* __restrict__ output,
    long long output_stride, int rows, int heads)
{
    constexpr int LANES = 16;
    int lane = static_cast<int>(threadIdx.x) % LANES;
    long long index = static_cast<long long>(blockIdx.x) * (256 / LANES) + threadIdx.x / LANES;
    long long row = index / heads;
    int head = static_cast<int>(index % heads);
    float sum = 0.0f;
    if (row < rows)
    {
        const storage_t* left = d_output + row * d_output_stride + static_cast<long long>(head) * HEAD_SIZE;
        const storage_t* right = output + row * output_stride + static_cast<long long>(head) * HEAD_SIZE;
#if STORAGE_BITS == 16
        if (lane < HEAD_SIZE / STORAGE_VECTOR)
        {
            float a[STORAGE_VECTOR], b[STORAGE_VECTOR];
            load_columns(a, left + lane * STORAGE_VECTOR, STORAGE_VECTOR);
            load_columns(b, right + lane * STORAGE_VECTOR, STORAGE_VECTOR);
#pragma unroll
            for (int i = 0; i < STORAGE_VECTOR; i++) sum = fmaf(a[i], b[i], sum);
        }
#else
#pragma unroll
        for (int column = 0; column < HEAD_SIZE; column += LANES) sum = fmaf(load(left + column + lane), load(right + column + lane), sum);
#endif
    }
#pragma unroll
    for (int distance = LANES / 2; distance > 0; distance /= 2) sum += __shfl_xor_sync(FULL_WARP, sum, distance);
    if (row < rows && lane == 0) delta[row * delta_stride + head] = sum;
}
