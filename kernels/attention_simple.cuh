// Attention in float arithmetic: 256 threads as 16 x 16, thread (y, x) holds the scores of rows y + 16 i and keys x + 16 j, and of a result rows y + 16 i and columns x + 16 c.
// Every score, every element of a product and every gradient is one chain of fmaf in the order of the CPU (src/Sophia.Native/Cpu/AttentionForward.cs, AttentionBackward.cs): with float storage
// both backends give the same bits. Where keys are not visible the chain goes on with weights of 0, which change nothing.
#pragma once

#include "attention_rows.cuh"

constexpr int SIMPLE_THREADS = 256;
constexpr int SIDE = 16;
constexpr int COLUMNS = HEAD_SIZE / SIDE;

/// Floats from row to row in shared memory: four more than the row, so that 16-byte accesses to neighboring rows fall on different banks.
constexpr int PITCH = HEAD_SIZE + 4;

/// The keys a thread holds of a block, forward.
constexpr int THREAD_KEYS = KEY_BLOCK / SIDE;
constexpr int WEIGHT_PITCH = KEY_BLOCK + 4;

/// Queries and keys of a tile, backward.
constexpr int GRADIENT_TILE = 32;
constexpr int GRADIENT_PITCH = GRADIENT_TILE + 4;

DEVICE float* shared_floats()
{
    DYNAMIC_SHARED(float, shared);
    return shared;
}

DEVICE void load_four(float (&values)[4], const float* shared) { unpack(values, load_shared_vector(shared), shared); }

/// A weight as it enters the products: rounded to the storage type.
DEVICE float stored(float value)
{
#if STORAGE_BITS == 16
    return to_float(to_bfloat16(value));
#else
    return value;
#endif
}

/// Fills rows of a tile with floats; row_address gives the place of a row in global memory, null for a row of zeros.
template <class RowAddress> DEVICE void load_tile(float* tile, int rows, bool aligned, RowAddress row_address)
{
    if (aligned)
    {
        constexpr int VECTORS = HEAD_SIZE / STORAGE_VECTOR;
        for (int i = static_cast<int>(threadIdx.x); i < rows * VECTORS; i += SIMPLE_THREADS)
        {
            int row = i / VECTORS;
            int column = i % VECTORS * STORAGE_VECTOR;
            const storage_t* source = row_address(row);
            float values[STORAGE_VECTOR] = {};
            if (source != nullptr) load_elements(values, source + column);
#pragma unroll
            for (int part = 0; part < STORAGE_VECTOR; part += 4)
            {
                Vector16 v = {{float_bits(values[part]), float_bits(values[part + 1]), float_bits(values[part + 2]), float_bits(values[part + 3])}};
                store_shared_vector(tile + row * PITCH + column + part, v);
            }
        }
        return;
    }
    for (int i = static_cast<int>(threadIdx.x); i < rows * HEAD_SIZE; i += SIMPLE_THREADS)
    {
        int row = i / HEAD_SIZE;
        int column = i % HEAD_SIZE;
        const storage_t* source = row_address(row);
        tile[row * PITCH + column] = source != nullptr ? load(source + column) : 0.0f;
    }
}

/// products[i][j] = the chain over D of left row y + 16 i and right row x + 16 j.
template <int ROWS, int KEYS> DEVICE void multiply_rows(float (&products)[ROWS][KEYS], const float* left, const float* right, int y, int x)
{
#pragma unroll
    for (int i = 0; i < ROWS; i++)
    {
#pragma unroll
        for (int j = 0; j < KEYS; j++) products[i][j] = 0.0f;
    }
#pragma unroll 2
    for (int d = 0; d < HEAD_SIZE; d += 4)
    {
        float a[ROWS][4], b[KEYS][4];
#pragma unroll
        for (int i = 0; i < ROWS; i++) load_four(a[i], left + (y + SIDE * i) * PITCH + d);
#pragma unroll
        for (int j = 0; j < KEYS; j++) load_four(b[j], right + (x + SIDE * j) * PITCH + d);
#pragma unroll
        for (int e = 0; e < 4; e++)
        {
#pragma unroll
            for (int i = 0; i < ROWS; i++)
            {
#pragma unroll
                for (int j = 0; j < KEYS; j++) products[i][j] = fmaf(a[i][e], b[j][e], products[i][j]);
            }
        }
    }
}

/// sums[i][c] continues the chain over k of weight(i, k) * values[k][x + 16 c]; `weights` has the four weights of row i and k, k + 1, k + 2, k + 3 side by side.
template <int ROWS> DEVICE void add_products(float (&sums)[ROWS][COLUMNS], const float* weights, int weight_pitch, const float* values, int count, int y, int x)
{
#pragma unroll 1
    for (int k = 0; k < count; k += 4)
    {
        float w[ROWS][4];
#pragma unroll
        for (int i = 0; i < ROWS; i++) load_four(w[i], weights + (y + SIDE * i) * weight_pitch + k);
#pragma unroll
        for (int e = 0; e < 4; e++)
        {
#pragma unroll
            for (int c = 0; c < COLUMNS; c++)
            {
                float value = values[(k + e) * PITCH + x + SIDE * c];
#pragma unroll
                for (int i = 0; i < ROWS; i++) sums[i][c] = fmaf(w[i][e], value, sums[i][c]);
            }
        }
    }
}

DEVICE float maximum_of_side(float value)
{
#pragma unroll
    for (int distance = SIDE / 2; distance > 0; distance /= 2) value = fmaxf(value, __shfl_xor_sync(FULL_WARP, value, distance));
    return value;
}

DEVICE float sum_of_side(float value)
{
#pragma unroll
    for (int distance = SIDE / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(FULL_WARP, value, distance);
    return value;
}

/// Scores of a row and block become weights exp(scale * score - maximum), 0 where the key is not visible; the sum goes through sixteen lanes, key j in lane j mod 16.
DEVICE void weigh(float (&scores)[THREAD_KEYS], float& maximum, float& sum, int visible, float scale, int x)
{
    const float nothing = bits_float(0xff800000u);
    maximum = nothing;
#pragma unroll
    for (int j = 0; j < THREAD_KEYS; j++)
    {
        scores[j] = x + SIDE * j < visible ? scores[j] * scale : nothing;
        maximum = fmaxf(maximum, scores[j]);
    }
    maximum = maximum_of_side(maximum);
    float reference = reference_of(maximum);
    sum = 0.0f;
#pragma unroll
    for (int j = 0; j < THREAD_KEYS; j++)
    {
        scores[j] = x + SIDE * j < visible ? exponential(scores[j] - reference) : 0.0f;
        sum += scores[j];
    }
    sum = sum_of_side(sum);
}

/// A tile of 16 * ROWS rows against all blocks of keys, or, split, against one block, whose results go to `products` and `statistics`.
template <int ROWS, bool SPLIT>
DEVICE void simple_forward(storage_t* output, long long output_stride, float* log_sum_exp, long long log_sum_exp_stride, float* products, float* statistics, const storage_t* query,
    long long query_stride, const storage_t* key, long long key_stride, const storage_t* value, long long value_stride, const Sequences& sequences, float scale)
{
    constexpr int TILE = SIDE * ROWS;
    float* queries = shared_floats();
    float* others = queries + TILE * PITCH;
    float* weights = others + KEY_BLOCK * PITCH;
    int x = static_cast<int>(threadIdx.x) % SIDE;
    int y = static_cast<int>(threadIdx.x) / SIDE;

    // Key-value heads of a sequence are neighbors; the last tiles, which see the most keys, come first.
    int head = static_cast<int>(blockIdx.x % sequences.key_value_heads);
    unsigned rest = blockIdx.x / sequences.key_value_heads;
    int index = static_cast<int>(rest % sequences.count);
    rest /= sequences.count;
    int tiles = blocks_of(sequences.maximum_queries * sequences.group_size, TILE);
    int tile = tiles - 1 - static_cast<int>(rest % tiles);
    Sequence sequence;
    if (!read_sequence(sequence, sequences, index)) return;
    int group = sequences.group_size;
    int first = tile * TILE;
    int rows = sequence.queries * group - first;
    rows = rows < TILE ? rows : TILE;
    if (rows <= 0) return;

    int seen = visible_keys(sequence, (first + rows - 1) / group);
    int begin = SPLIT ? static_cast<int>(rest / tiles) : 0;
    int end = blocks_of(seen, KEY_BLOCK);
    if (SPLIT)
    {
        if (begin >= end) return;
        end = begin + 1;
    }

    load_tile(queries, TILE, rows_are_aligned(query, query_stride),
        [&](int row) -> const storage_t* { return row < rows ? query + row_offset(sequence, first + row, head, group, query_stride) : nullptr; });
    const storage_t* keys = key + sequence.first_key * key_stride + static_cast<long long>(head) * HEAD_SIZE;
    const storage_t* values = value + sequence.first_key * value_stride + static_cast<long long>(head) * HEAD_SIZE;
    bool keys_aligned = rows_are_aligned(key, key_stride);
    bool values_aligned = rows_are_aligned(value, value_stride);

    const float nothing = bits_float(0xff800000u);
    float maximum[ROWS], sum[ROWS], sums[ROWS][COLUMNS];
#pragma unroll
    for (int i = 0; i < ROWS; i++)
    {
        maximum[i] = nothing;
        sum[i] = 0.0f;
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) sums[i][c] = 0.0f;
    }
    for (int block = begin; block < end; block++)
    {
        int start = block * KEY_BLOCK;
        int count = seen - start < KEY_BLOCK ? seen - start : KEY_BLOCK;
        __syncthreads();
        load_tile(others, KEY_BLOCK, keys_aligned, [&](int row) -> const storage_t* { return row < count ? keys + (start + row) * key_stride : nullptr; });
        __syncthreads();
        float scores[ROWS][THREAD_KEYS];
        multiply_rows(scores, queries, others, y, x);
        float block_maximum[ROWS], block_sum[ROWS];
#pragma unroll
        for (int i = 0; i < ROWS; i++)
        {
            int row = y + SIDE * i;
            weigh(scores[i], block_maximum[i], block_sum[i], visible_keys(sequence, (first + row) / group) - start, scale, x);
#pragma unroll
            for (int j = 0; j < THREAD_KEYS; j++) weights[row * WEIGHT_PITCH + x + SIDE * j] = stored(scores[i][j]);
        }
        __syncthreads();
        load_tile(others, KEY_BLOCK, values_aligned, [&](int row) -> const storage_t* { return row < count ? values + (start + row) * value_stride : nullptr; });
        __syncthreads();
        float product[ROWS][COLUMNS];
#pragma unroll
        for (int i = 0; i < ROWS; i++)
        {
#pragma unroll
            for (int c = 0; c < COLUMNS; c++) product[i][c] = 0.0f;
        }
        add_products(product, weights, WEIGHT_PITCH, others, count, y, x);
        if constexpr (SPLIT)
        {
#pragma unroll
            for (int i = 0; i < ROWS; i++)
            {
                int row = y + SIDE * i;
                if (row >= rows) continue;
                long long place = partial_index(sequences, index, head, block, first + row);
#pragma unroll
                for (int c = 0; c < COLUMNS; c++) products[place * HEAD_SIZE + x + SIDE * c] = product[i][c];
                if (x == 0)
                {
                    statistics[2 * place] = block_maximum[i];
                    statistics[2 * place + 1] = block_sum[i];
                }
            }
        }
        else
        {
#pragma unroll
            for (int i = 0; i < ROWS; i++)
            {
                float old_factor, block_factor;
                float largest = fmaxf(maximum[i], block_maximum[i]);
                rescale(old_factor, block_factor, maximum[i], block_maximum[i], largest);
                maximum[i] = largest;
                sum[i] = merged(sum[i], block_sum[i], old_factor, block_factor);
#pragma unroll
                for (int c = 0; c < COLUMNS; c++) sums[i][c] = merged(sums[i][c], product[i][c], old_factor, block_factor);
            }
        }
    }
    if constexpr (!SPLIT)
    {
#pragma unroll
        for (int i = 0; i < ROWS; i++)
        {
            int row = first + y + SIDE * i;
            if (y + SIDE * i >= rows) continue;
            bool sees = visible_keys(sequence, row / group) > 0;
            float divisor = divisor_of(sum[i]);
            storage_t* destination = output + row_offset(sequence, row, head, group, output_stride);
#pragma unroll
            for (int c = 0; c < COLUMNS; c++) store(destination + x + SIDE * c, sees ? divided(sums[i][c], divisor) : 0.0f);
            if (log_sum_exp != nullptr && x == 0)
                log_sum_exp[statistic_offset(sequence, row, head, group, log_sum_exp_stride)] = sees ? log_sum_of(maximum[i], sum[i]) : nothing;
        }
    }
}

/// Tiles of 64 rows. Shared memory: (128 * PITCH + 64 * WEIGHT_PITCH) floats.
KERNEL_BOUNDS(256, 1) attention_forward(storage_t* __restrict__ output, long long output_stride, float* __restrict__ log_sum_exp, long long log_sum_exp_stride, const storage_t* __restrict__ query,
    long long query_stride, const storage_t* __restrict__ key, long long key_stride, const storage_t* __restrict__ value, long long value_stride, const int* __restrict__ query_offsets,
    const int* __restrict__ key_offsets, const int* __restrict__ key_lengths, int* __restrict__ faults, int sequence_count, int query_rows, int key_rows, int maximum_queries, int maximum_keys,
    int key_value_heads, int group_size, int causal, float scale)
{
    Sequences sequences = {query_offsets, key_offsets, key_lengths, faults, sequence_count, query_rows, key_rows, maximum_queries, maximum_keys, key_value_heads, group_size, causal};
    simple_forward<4, false>(output, output_stride, log_sum_exp, log_sum_exp_stride, nullptr, nullptr, query, query_stride, key, key_stride, value, value_stride, sequences, scale);
}

/// Tiles of 16 rows, one block of keys each. Shared memory: (80 * PITCH + 16 * WEIGHT_PITCH) floats.
KERNEL_BOUNDS(256, 2) attention_forward_split(float* __restrict__ products, float* __restrict__ statistics, const storage_t* __restrict__ query, long long query_stride, const storage_t* __restrict__ key,
    long long key_stride, const storage_t* __restrict__ value, long long value_stride, const int* __restrict__ query_offsets, const int* __restrict__ key_offsets,
    const int* __restrict__ key_lengths, int* __restrict__ faults, int sequence_count, int query_rows, int key_rows, int maximum_queries, int maximum_keys, int key_value_heads, int group_size,
    int causal, float scale)
{
    Sequences sequences = {query_offsets, key_offsets, key_lengths, faults, sequence_count, query_rows, key_rows, maximum_queries, maximum_keys, key_value_heads, group_size, causal};
    simple_forward<1, true>(nullptr, 0, nullptr, 0, products, statistics, query, query_stride, key, key_stride, value, value_stride, sequences, scale);
}

/// p = exp(scale * score - logSumExp), the weight of a visible pair of query and key.
DEVICE float weight_of_pair(bool visible, float score, float scale, float log_sum_exp) { return visible ? exponential(score * scale - log_sum_exp) : 0.0f; }

/// The gradient of a score, times the scale.
DEVICE float score_gradient(float weight, float d_weight, float delta, float scale) { return weight * (d_weight - delta) * scale; }

/// dKey and dValue of 32 keys: over the heads of the group in order, and within a head over the queries in order. Shared memory: (128 * PITCH + 64 * GRADIENT_PITCH) floats.
KERNEL_BOUNDS(256, 1) attention_backward_key_value(storage_t* __restrict__ d_key, long long d_key_stride, storage_t* __restrict__ d_value, long long d_value_stride, const float* __restrict__ delta,
    long long delta_stride, const storage_t* __restrict__ d_output, long long d_output_stride, const storage_t* __restrict__ query, long long query_stride, const storage_t* __restrict__ key,
    long long key_stride, const storage_t* __restrict__ value, long long value_stride, const float* __restrict__ log_sum_exp, long long log_sum_exp_stride, const int* __restrict__ query_offsets,
    const int* __restrict__ key_offsets, const int* __restrict__ key_lengths, int* __restrict__ faults, int sequence_count, int query_rows, int key_rows, int maximum_queries, int maximum_keys,
    int key_value_heads, int group_size, int causal, float scale)
{
    constexpr int TILE = GRADIENT_TILE;
    float* keys = shared_floats();
    float* values = keys + TILE * PITCH;
    float* queries = values + TILE * PITCH;
    float* gradients = queries + TILE * PITCH;
    float* weights = gradients + TILE * PITCH;
    float* d_scores = weights + TILE * GRADIENT_PITCH;
    Sequences sequences = {query_offsets, key_offsets, key_lengths, faults, sequence_count, query_rows, key_rows, maximum_queries, maximum_keys, key_value_heads, group_size, causal};
    int x = static_cast<int>(threadIdx.x) % SIDE;
    int y = static_cast<int>(threadIdx.x) / SIDE;
    int key_head = static_cast<int>(blockIdx.x % key_value_heads);
    unsigned rest = blockIdx.x / key_value_heads;
    int first_key = static_cast<int>(rest / sequence_count) * TILE;
    Sequence sequence;
    if (!read_sequence(sequence, sequences, static_cast<int>(rest % sequence_count))) return;
    int key_count = sequence.keys - first_key < TILE ? sequence.keys - first_key : TILE;
    if (key_count <= 0) return;

    long long key_row = sequence.first_key + first_key;
    long long key_column = static_cast<long long>(key_head) * HEAD_SIZE;
    load_tile(keys, TILE, rows_are_aligned(key, key_stride), [&](int row) -> const storage_t* { return row < key_count ? key + (key_row + row) * key_stride + key_column : nullptr; });
    load_tile(values, TILE, rows_are_aligned(value, value_stride),
        [&](int row) -> const storage_t* { return row < key_count ? value + (key_row + row) * value_stride + key_column : nullptr; });
    bool queries_aligned = rows_are_aligned(query, query_stride);
    bool gradients_aligned = rows_are_aligned(d_output, d_output_stride);

    float key_sums[2][COLUMNS], value_sums[2][COLUMNS];
#pragma unroll
    for (int i = 0; i < 2; i++)
    {
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) key_sums[i][c] = value_sums[i][c] = 0.0f;
    }
    for (int head = key_head * group_size; head < (key_head + 1) * group_size; head++)
    {
        long long column = static_cast<long long>(head) * HEAD_SIZE;
        for (int first = first_query_that_sees(sequence, first_key) / TILE * TILE; first < sequence.queries; first += TILE)
        {
            long long query_row = sequence.first_query + first;
            int count = sequence.queries - first < TILE ? sequence.queries - first : TILE;
            __syncthreads();
            load_tile(queries, TILE, queries_aligned, [&](int row) -> const storage_t* { return row < count ? query + (query_row + row) * query_stride + column : nullptr; });
            load_tile(gradients, TILE, gradients_aligned, [&](int row) -> const storage_t* { return row < count ? d_output + (query_row + row) * d_output_stride + column : nullptr; });
            __syncthreads();
            float scores[2][2], products[2][2];
            multiply_rows(scores, queries, keys, y, x);
            multiply_rows(products, gradients, values, y, x);
#pragma unroll
            for (int i = 0; i < 2; i++)
            {
                int row = y + SIDE * i;
                bool exists = row < count;
                float sum = exists ? log_sum_exp[(query_row + row) * log_sum_exp_stride + head] : 0.0f;
                float mean = exists ? delta[(query_row + row) * delta_stride + head] : 0.0f;
                int visible = exists ? visible_keys(sequence, first + row) - first_key : 0;
#pragma unroll
                for (int j = 0; j < 2; j++)
                {
                    float weight = weight_of_pair(x + SIDE * j < visible, scores[i][j], scale, sum);
                    int place = (x + SIDE * j) * GRADIENT_PITCH + row;
                    weights[place] = stored(weight);
                    d_scores[place] = stored(score_gradient(weight, products[i][j], mean, scale));
                }
            }
            __syncthreads();
            add_products(value_sums, weights, GRADIENT_PITCH, gradients, count, y, x);
            add_products(key_sums, d_scores, GRADIENT_PITCH, queries, count, y, x);
        }
    }
#pragma unroll
    for (int i = 0; i < 2; i++)
    {
        int row = y + SIDE * i;
        if (row >= key_count) continue;
#pragma unroll
        for (int c = 0; c < COLUMNS; c++)
        {
            store(d_key + (key_row + row) * d_key_stride + key_column + x + SIDE * c, key_sums[i][c]);
            store(d_value + (key_row + row) * d_value_stride + key_column + x + SIDE * c, value_sums[i][c]);
        }
    }
}

/// dQuery of 32 rows over the keys in order. Shared memory: (128 * PITCH + 32 * GRADIENT_PITCH) floats.
KERNEL_BOUNDS(256, 2) attention_backward_query(storage_t* __restrict__ d_query, long long d_query_stride, const float* __restrict__ delta, long long delta_stride, const storage_t* __restrict__ d_output,
    long long d_output_stride, const storage_t* __restrict__ query, long long query_stride, const storage_t* __restrict__ key, long long key_stride, const storage_t* __restrict__ value,
    long long value_stride, const float* __restrict__ log_sum_exp, long long log_sum_exp_stride, const int* __restrict__ query_offsets, const int* __restrict__ key_offsets,
    const int* __restrict__ key_lengths, int* __restrict__ faults, int sequence_count, int query_rows, int key_rows, int maximum_queries, int maximum_keys, int key_value_heads, int group_size,
    int causal, float scale)
{
    constexpr int TILE = GRADIENT_TILE;
    float* queries = shared_floats();
    float* gradients = queries + TILE * PITCH;
    float* keys = gradients + TILE * PITCH;
    float* values = keys + TILE * PITCH;
    float* d_scores = values + TILE * PITCH;
    Sequences sequences = {query_offsets, key_offsets, key_lengths, faults, sequence_count, query_rows, key_rows, maximum_queries, maximum_keys, key_value_heads, group_size, causal};
    int x = static_cast<int>(threadIdx.x) % SIDE;
    int y = static_cast<int>(threadIdx.x) / SIDE;
    int head = static_cast<int>(blockIdx.x % key_value_heads);
    unsigned rest = blockIdx.x / key_value_heads;
    int tiles = blocks_of(maximum_queries * group_size, TILE);
    int first = (tiles - 1 - static_cast<int>(rest / sequence_count)) * TILE;
    Sequence sequence;
    if (!read_sequence(sequence, sequences, static_cast<int>(rest % sequence_count))) return;
    int rows = sequence.queries * group_size - first;
    rows = rows < TILE ? rows : TILE;
    if (rows <= 0) return;

    load_tile(queries, TILE, rows_are_aligned(query, query_stride),
        [&](int row) -> const storage_t* { return row < rows ? query + row_offset(sequence, first + row, head, group_size, query_stride) : nullptr; });
    load_tile(gradients, TILE, rows_are_aligned(d_output, d_output_stride),
        [&](int row) -> const storage_t* { return row < rows ? d_output + row_offset(sequence, first + row, head, group_size, d_output_stride) : nullptr; });
    bool keys_aligned = rows_are_aligned(key, key_stride);
    bool values_aligned = rows_are_aligned(value, value_stride);
    long long key_column = static_cast<long long>(head) * HEAD_SIZE;

    float log_sums[2], means[2], sums[2][COLUMNS];
    int visible[2];
#pragma unroll
    for (int i = 0; i < 2; i++)
    {
        int row = first + y + SIDE * i;
        bool exists = y + SIDE * i < rows;
        visible[i] = exists ? visible_keys(sequence, row / group_size) : 0;
        log_sums[i] = exists ? log_sum_exp[statistic_offset(sequence, row, head, group_size, log_sum_exp_stride)] : 0.0f;
        means[i] = exists ? delta[statistic_offset(sequence, row, head, group_size, delta_stride)] : 0.0f;
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) sums[i][c] = 0.0f;
    }
    int seen = visible_keys(sequence, (first + rows - 1) / group_size);
    for (int start = 0; start < seen; start += TILE)
    {
        long long key_row = sequence.first_key + start;
        int count = seen - start < TILE ? seen - start : TILE;
        __syncthreads();
        load_tile(keys, TILE, keys_aligned, [&](int row) -> const storage_t* { return row < count ? key + (key_row + row) * key_stride + key_column : nullptr; });
        load_tile(values, TILE, values_aligned, [&](int row) -> const storage_t* { return row < count ? value + (key_row + row) * value_stride + key_column : nullptr; });
        __syncthreads();
        float scores[2][2], products[2][2];
        multiply_rows(scores, queries, keys, y, x);
        multiply_rows(products, gradients, values, y, x);
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
#pragma unroll
            for (int j = 0; j < 2; j++)
            {
                float weight = weight_of_pair(start + x + SIDE * j < visible[i], scores[i][j], scale, log_sums[i]);
                d_scores[(y + SIDE * i) * GRADIENT_PITCH + x + SIDE * j] = stored(score_gradient(weight, products[i][j], means[i], scale));
            }
        }
        __syncthreads();
        add_products(sums, d_scores, GRADIENT_PITCH, keys, count, y, x);
    }
#pragma unroll
    for (int i = 0; i < 2; i++)
    {
        int row = first + y + SIDE * i;
        if (y + SIDE * i >= rows) continue;
        storage_t* destination = d_query + row_offset(sequence, row, head, group_size, d_query_stride);
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) store(destination + x + SIDE * c, sums[i][c]);
    }
}
