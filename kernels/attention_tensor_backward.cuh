// Attention of bfloat16 on tensor cores, backward. Two kernels that do not talk to each other: one stays on 64 keys and goes over the queries (dKey, dValue), one stays on 64 rows of queries and goes
// over the keys (dQuery). Both compute S and dP: seven products in place of the five of one pass, for which no float is ever added by two blocks.
// The first kernel computes S^T and dP^T (keys are the rows of its warps), so that P^T and dS^T are at once the left operands of the products that follow; nothing goes through shared memory twice.
#pragma once

#include "attention_tensor.cuh"

/// Queries, or keys, whose scores a warp holds at a time, and that come in together while the ones before are computed.
constexpr int SCORE_COLUMNS = 32;
constexpr int STEP_ROWS = HEAD_SIZE == 64 ? 64 : 32;

/// products[16, 8 * COUNT] = 16 rows of `left`, which begins at left_place, times the first 8 * COUNT rows of `right`, which begins at right_place.
template <int COUNT> DEVICE void multiply_transposed(float (&products)[COUNT][4], const bfloat16* left, const bfloat16* right)
{
    clear(products);
#pragma unroll
    for (int k = 0; k < STEPS; k++)
    {
        unsigned a[4];
        load_left(a, left, 0, 2 * k);
#pragma unroll
        for (int j = 0; j < COUNT / 2; j++)
        {
            unsigned b[4];
            load_right(b, right, 16 * j, 2 * k);
            multiply_accumulate(products[2 * j], a, b[0], b[1]);
            multiply_accumulate(products[2 * j + 1], a, b[2], b[3]);
        }
    }
}

/// sums[16, D] += weights[16, 16 * STEPS_OF_ROWS] times rows of `right`, which begins at left_place.
template <int STEPS_OF_ROWS> DEVICE void multiply_add(float (&sums)[HEAD_SIZE / 8][4], const unsigned (&weights)[STEPS_OF_ROWS][4], const bfloat16* right)
{
#pragma unroll
    for (int k = 0; k < STEPS_OF_ROWS; k++)
    {
#pragma unroll
        for (int j = 0; j < HEAD_SIZE / 16; j++)
        {
            unsigned b[4];
            load_right_transposed(b, right, 16 * k, 2 * j);
            multiply_accumulate(sums[2 * j], weights[k], b[0], b[1]);
            multiply_accumulate(sums[2 * j + 1], weights[k], b[2], b[3]);
        }
    }
}

/// dKey and dValue of 64 keys: over the heads of the group in order, and within a head over the queries in order. A warp owns 16 keys.
/// Shared memory: 2 * 64 + 4 * STEP_ROWS rows of PITCH elements (keys, values, two tiles of queries, two of dOutput) and 4 * STEP_ROWS floats (logSumExp and delta of two tiles).
KERNEL_BOUNDS(128, 2) attention_backward_key_value(storage_t* __restrict__ d_key, long long d_key_stride, storage_t* __restrict__ d_value, long long d_value_stride, const float* __restrict__ delta,
    long long delta_stride, const storage_t* __restrict__ d_output, long long d_output_stride, const storage_t* __restrict__ query, long long query_stride, const storage_t* __restrict__ key,
    long long key_stride, const storage_t* __restrict__ value, long long value_stride, const float* __restrict__ log_sum_exp, long long log_sum_exp_stride, const int* __restrict__ query_offsets,
    const int* __restrict__ key_offsets, const int* __restrict__ key_lengths, int* __restrict__ faults, int sequence_count, int query_rows, int key_rows, int maximum_queries, int maximum_keys,
    int key_value_heads, int group_size, int causal, float scale)
{
    constexpr int TILE = 64;
    constexpr int STEP_ELEMENTS = STEP_ROWS * PITCH;
    bfloat16* keys = shared_elements();
    bfloat16* values = keys + TILE * PITCH;
    bfloat16* queries = values + TILE * PITCH;
    bfloat16* gradients = queries + 2 * STEP_ELEMENTS;
    float* statistics = reinterpret_cast<float*>(gradients + 2 * STEP_ELEMENTS);
    Sequences sequences = {query_offsets, key_offsets, key_lengths, faults, sequence_count, query_rows, key_rows, maximum_queries, maximum_keys, key_value_heads, group_size, causal};
    int thread = static_cast<int>(threadIdx.x);
    int lane = lane_index();
    int warp_row = thread / WARP * 16;
    int key_head = static_cast<int>(blockIdx.x % key_value_heads);
    unsigned rest = blockIdx.x / key_value_heads;
    int first_key = static_cast<int>(rest / sequence_count) * TILE;
    Sequence sequence;
    if (!read_sequence(sequence, sequences, static_cast<int>(rest % sequence_count))) return;
    int key_count = sequence.keys - first_key;
    if (key_count <= 0) return;

    copy_rows<TILE, TENSOR_THREADS>(keys, key, key_stride, sequence.first_key + first_key, key_head * HEAD_SIZE, key_count, rows_are_aligned(key, key_stride));
    copy_rows<TILE, TENSOR_THREADS>(values, value, value_stride, sequence.first_key + first_key, key_head * HEAD_SIZE, key_count, rows_are_aligned(value, value_stride));
    bool queries_aligned = rows_are_aligned(query, query_stride);
    bool gradients_aligned = rows_are_aligned(d_output, d_output_stride);

    // Tiles of queries, those of one head after the other. The first threads bring logSumExp, the next ones delta; a query that does not exist gets a weight of exp(-infinity).
    int first_tile = first_query_that_sees(sequence, first_key) / STEP_ROWS;
    int tiles = blocks_of(sequence.queries, STEP_ROWS) - first_tile;
    int steps = tiles > 0 ? tiles * group_size : 0;
    auto copy_step = [&](int step, int head, int first)
    {
        int offset = step % 2 * STEP_ELEMENTS;
        copy_rows<STEP_ROWS, TENSOR_THREADS>(queries + offset, query, query_stride, sequence.first_query + first, head * HEAD_SIZE, sequence.queries - first, queries_aligned);
        copy_rows<STEP_ROWS, TENSOR_THREADS>(gradients + offset, d_output, d_output_stride, sequence.first_query + first, head * HEAD_SIZE, sequence.queries - first, gradients_aligned);
    };
    auto load_statistic = [&](int head, int first)
    {
        int row = first + thread % STEP_ROWS;
        bool is_sum = thread < STEP_ROWS;
        if (row >= sequence.queries) return is_sum ? bits_float(0x7f800000u) : 0.0f;
        return is_sum ? log_sum_exp[(sequence.first_query + row) * log_sum_exp_stride + head] * LOG2_E : delta[(sequence.first_query + row) * delta_stride + head];
    };
    int head = key_head * group_size;
    int first = first_tile * STEP_ROWS;
    if (steps > 0)
    {
        copy_step(0, head, first);
        if (thread < 2 * STEP_ROWS) statistics[thread] = load_statistic(head, first);
    }
    copy_async_commit();

    float scale_of_scores = scale * LOG2_E;
    float key_sums[HEAD_SIZE / 8][4], value_sums[HEAD_SIZE / 8][4];
    clear(key_sums);
    clear(value_sums);
    for (int step = 0; step < steps; step++)
    {
        copy_async_wait<0>();
        __syncthreads();
        int next_head = head;
        int next_first = first + STEP_ROWS;
        if (next_first >= sequence.queries)
        {
            next_head++;
            next_first = first_tile * STEP_ROWS;
        }
        float next_statistic = 0.0f;
        if (step + 1 < steps)
        {
            copy_step(step + 1, next_head, next_first);
            if (thread < 2 * STEP_ROWS) next_statistic = load_statistic(next_head, next_first);
        }
        copy_async_commit();

        int offset = step % 2 * STEP_ELEMENTS;
#pragma unroll 1
        for (int part = 0; part < STEP_ROWS; part += SCORE_COLUMNS)
        {
            // The key of the upper row sees from query `key - shift` on.
            int shift = sequence.keys - sequence.queries;
            if (first + part >= sequence.queries || (causal != 0 && first + part + SCORE_COLUMNS - 1 + shift < first_key)) continue;
            const float* sums = statistics + step % 2 * 2 * STEP_ROWS + part + unknown(lane) % 4 * 2;
            const float* means = sums + STEP_ROWS;
            float scores[SCORE_COLUMNS / 8][4], d_weights[SCORE_COLUMNS / 8][4];
            multiply_transposed(scores, keys + left_place() + place_of(warp_row, 0), queries + offset + right_place() + place_of(part, 0));
            multiply_transposed(d_weights, values + left_place() + place_of(warp_row, 0), gradients + offset + right_place() + place_of(part, 0));
#pragma unroll
            for (int n = 0; n < SCORE_COLUMNS / 8; n++)
            {
#pragma unroll
                for (int e = 0; e < 4; e++) scores[n][e] = weight_of(fmaf(scores[n][e], scale_of_scores, -sums[8 * n + e % 2]));
            }
            if (causal != 0 && first + part + shift < first_key + TILE - 1)
            {
                int earliest = first_key + warp_row + unknown(lane) / 4 - shift - first - part - unknown(lane) % 4 * 2;
#pragma unroll
                for (int n = 0; n < SCORE_COLUMNS / 8; n++)
                {
#pragma unroll
                    for (int e = 0; e < 4; e++) scores[n][e] = 8 * n + e % 2 - e / 2 * 8 >= earliest ? scores[n][e] : 0.0f;
                }
            }
            unsigned weights[SCORE_COLUMNS / 16][4];
#pragma unroll
            for (int k = 0; k < SCORE_COLUMNS / 16; k++) pack_operand(weights[k], scores[2 * k], scores[2 * k + 1]);
            multiply_add(value_sums, weights, gradients + offset + left_place() + place_of(part, 0));
#pragma unroll
            for (int n = 0; n < SCORE_COLUMNS / 8; n++)
            {
#pragma unroll
                for (int e = 0; e < 4; e++) scores[n][e] *= d_weights[n][e] - means[8 * n + e % 2];
            }
#pragma unroll
            for (int k = 0; k < SCORE_COLUMNS / 16; k++) pack_operand(weights[k], scores[2 * k], scores[2 * k + 1]);
            multiply_add(key_sums, weights, queries + offset + left_place() + place_of(part, 0));
        }
        if (thread < 2 * STEP_ROWS) statistics[(step + 1) % 2 * 2 * STEP_ROWS + thread] = next_statistic;
        head = next_head;
        first = next_first;
    }
    copy_async_wait<0>();
    __syncthreads();
    store_rows(key_sums, scale, scale, keys, warp_row, rows_are_aligned(d_key, d_key_stride),
        [&](int row) { return row < key_count ? d_key + (sequence.first_key + first_key + row) * d_key_stride + key_head * HEAD_SIZE : nullptr; });
    store_rows(value_sums, 1.0f, 1.0f, values, warp_row, rows_are_aligned(d_value, d_value_stride),
        [&](int row) { return row < key_count ? d_value + (sequence.first_key + first_key + row) * d_value_stride + key_head * HEAD_SIZE : nullptr; });
}

/// dQuery of 64 rows over the keys in order. A warp owns 16 rows.
/// Shared memory: 2 * 64 + 4 * STEP_ROWS rows of PITCH elements (queries, dOutput, two blocks of keys, two of values) and 64 ints.
KERNEL_BOUNDS(128, 2) attention_backward_query(storage_t* __restrict__ d_query, long long d_query_stride, const float* __restrict__ delta, long long delta_stride,
    const storage_t* __restrict__ d_output, long long d_output_stride, const storage_t* __restrict__ query, long long query_stride, const storage_t* __restrict__ key, long long key_stride,
    const storage_t* __restrict__ value, long long value_stride, const float* __restrict__ log_sum_exp, long long log_sum_exp_stride, const int* __restrict__ query_offsets,
    const int* __restrict__ key_offsets, const int* __restrict__ key_lengths, int* __restrict__ faults, int sequence_count, int query_rows, int key_rows, int maximum_queries, int maximum_keys,
    int key_value_heads, int group_size, int causal, float scale)
{
    constexpr int TILE = 64;
    constexpr int STEP_ELEMENTS = STEP_ROWS * PITCH;
    bfloat16* queries = shared_elements();
    bfloat16* gradients = queries + TILE * PITCH;
    bfloat16* keys = gradients + TILE * PITCH;
    bfloat16* values = keys + 2 * STEP_ELEMENTS;
    int* seen = reinterpret_cast<int*>(values + 2 * STEP_ELEMENTS);
    Sequences sequences = {query_offsets, key_offsets, key_lengths, faults, sequence_count, query_rows, key_rows, maximum_queries, maximum_keys, key_value_heads, group_size, causal};
    int thread = static_cast<int>(threadIdx.x);
    int lane = lane_index();
    int warp_row = thread / WARP * 16;
    int head = static_cast<int>(blockIdx.x % key_value_heads);
    unsigned rest = blockIdx.x / key_value_heads;
    int tiles = blocks_of(maximum_queries * group_size, TILE);
    int first = (tiles - 1 - static_cast<int>(rest / sequence_count)) * TILE;
    Sequence sequence;
    if (!read_sequence(sequence, sequences, static_cast<int>(rest % sequence_count))) return;
    int rows = sequence.queries * group_size - first;
    rows = rows < TILE ? rows : TILE;
    if (rows <= 0) return;

    copy_tile<TILE, TENSOR_THREADS>(queries, query, rows_are_aligned(query, query_stride),
        [&](int row) { return row < rows ? query + row_offset(sequence, first + row, head, group_size, query_stride) : nullptr; });
    copy_tile<TILE, TENSOR_THREADS>(gradients, d_output, rows_are_aligned(d_output, d_output_stride),
        [&](int row) { return row < rows ? d_output + row_offset(sequence, first + row, head, group_size, d_output_stride) : nullptr; });
    bool keys_aligned = rows_are_aligned(key, key_stride);
    bool values_aligned = rows_are_aligned(value, value_stride);
    auto copy_block = [&](int block)
    {
        int start = block * STEP_ROWS;
        int offset = block % 2 * STEP_ELEMENTS;
        copy_rows<STEP_ROWS, TENSOR_THREADS>(keys + offset, key, key_stride, sequence.first_key + start, head * HEAD_SIZE, sequence.keys - start, keys_aligned);
        copy_rows<STEP_ROWS, TENSOR_THREADS>(values + offset, value, value_stride, sequence.first_key + start, head * HEAD_SIZE, sequence.keys - start, values_aligned);
    };
    if (thread < TILE) seen[thread] = visible_keys(sequence, (first + thread) / group_size);
    int blocks = blocks_of(visible_keys(sequence, (first + rows - 1) / group_size), STEP_ROWS);
    if (blocks > 0) copy_block(0);
    copy_async_commit();

    // Blocks that the first row of the tile does not see to their end are masked. What rows beyond the last one hold is never stored.
    int fewest = visible_keys(sequence, first / group_size);
    float log_sums[2], means[2], sums[HEAD_SIZE / 8][4];
    clear(sums);
#pragma unroll
    for (int half = 0; half < 2; half++)
    {
        int row = warp_row + lane / 4 + 8 * half;
        bool exists = row < rows;
        log_sums[half] = exists ? log_sum_exp[statistic_offset(sequence, first + row, head, group_size, log_sum_exp_stride)] * LOG2_E : 0.0f;
        means[half] = exists ? delta[statistic_offset(sequence, first + row, head, group_size, delta_stride)] : 0.0f;
    }
    float scale_of_scores = scale * LOG2_E;
    for (int b = 0; b < blocks; b++)
    {
        copy_async_wait<0>();
        __syncthreads();
        if (b + 1 < blocks) copy_block(b + 1);
        copy_async_commit();
        int offset = b % 2 * STEP_ELEMENTS;
#pragma unroll 1
        for (int part = 0; part < STEP_ROWS; part += SCORE_COLUMNS)
        {
            int start = b * STEP_ROWS + part;
            float scores[SCORE_COLUMNS / 8][4], d_weights[SCORE_COLUMNS / 8][4];
            multiply_transposed(scores, queries + left_place() + place_of(warp_row, 0), keys + offset + right_place() + place_of(part, 0));
            multiply_transposed(d_weights, gradients + left_place() + place_of(warp_row, 0), values + offset + right_place() + place_of(part, 0));
#pragma unroll
            for (int n = 0; n < SCORE_COLUMNS / 8; n++)
            {
#pragma unroll
                for (int e = 0; e < 4; e++) scores[n][e] = weight_of(fmaf(scores[n][e], scale_of_scores, -log_sums[e / 2]));
            }
            if (fewest < start + SCORE_COLUMNS)
            {
                int row = unknown(warp_row) + lane / 4;
                int column = start + lane % 4 * 2;
                int visible[2] = {seen[row] - column, seen[row + 8] - column};
#pragma unroll
                for (int n = 0; n < SCORE_COLUMNS / 8; n++)
                {
#pragma unroll
                    for (int e = 0; e < 4; e++) scores[n][e] = 8 * n + e % 2 < visible[e / 2] ? scores[n][e] : 0.0f;
                }
            }
            unsigned d_scores[SCORE_COLUMNS / 16][4];
#pragma unroll
            for (int n = 0; n < SCORE_COLUMNS / 8; n++)
            {
#pragma unroll
                for (int e = 0; e < 4; e++) scores[n][e] *= d_weights[n][e] - means[e / 2];
            }
#pragma unroll
            for (int k = 0; k < SCORE_COLUMNS / 16; k++) pack_operand(d_scores[k], scores[2 * k], scores[2 * k + 1]);
            multiply_add(sums, d_scores, keys + offset + left_place() + place_of(part, 0));
        }
    }
    copy_async_wait<0>();
    __syncthreads();
    store_rows(sums, scale, scale, queries, warp_row, rows_are_aligned(d_query, d_query_stride),
        [&](int row) { return row < rows ? d_query + row_offset(sequence, first + row, head, group_size, d_query_stride) : nullptr; });
}
