// Attention of bfloat16 on tensor cores, forward: mma.m16n8k16 with operands from shared memory by ldmatrix, blocks of 64 keys brought in by cp.async while the block before is computed.
// A warp owns 16 rows, or twice 16 whose products share the fragments of keys and values, and all columns of their results; so scores, weights and sums never leave its registers.
// The weights of a block come out of the first product exactly as the second one wants its left operand. Scores are kept in units of log2(e).
#pragma once

#include "attention_rows.cuh"

constexpr int TENSOR_THREADS = 128;
constexpr int TENSOR_WARPS = TENSOR_THREADS / WARP;

/// The tiles of 128 rows: at D = 64 four warps with two times 16 rows each; at D = 128 the sums of 32 rows do not fit beside their scores into 255 registers, so eight warps take 16 rows each.
constexpr int WIDE_WARPS = HEAD_SIZE == 64 ? 4 : 8;
constexpr int WIDE_TILES = 8 / WIDE_WARPS;

/// Elements of 16 bytes, such chunks of a row, and steps of mma along a row.
constexpr int CHUNK = 8;
constexpr int CHUNKS = HEAD_SIZE / CHUNK;
constexpr int STEPS = HEAD_SIZE / 16;

/// A fragment of 16 keys is one step of mma when the keys are summed over.
constexpr int KEY_STEPS = KEY_BLOCK / 16;

DEVICE bfloat16* shared_elements()
{
    DYNAMIC_SHARED(bfloat16, shared);
    return shared;
}

DEVICE int lane_index() { return static_cast<int>(threadIdx.x) % WARP; }

/// Elements from row to row of a tile: 16 bytes more than the row, so that the same chunk of eight neighboring rows falls on different banks. (A permutation of the chunks would save these bytes,
/// but its addresses are no longer a base and constants, and cost the registers that the sums need.)
constexpr int PITCH = HEAD_SIZE + CHUNK;

/// Where a chunk of a row of a tile begins.
DEVICE int place_of(int row, int chunk) { return row * PITCH + chunk * CHUNK; }

/// Starts the copy of a tile; row_address gives the place of a row in global memory, null for a row of zeros. Rows off 16 bytes are copied at once, element by element.
template <int ROWS, int THREADS, class RowAddress> DEVICE void copy_tile(bfloat16* tile, const bfloat16* matrix, bool aligned, RowAddress row_address)
{
    int chunk = static_cast<int>(threadIdx.x) % CHUNKS;
#pragma unroll 1
    for (int row = static_cast<int>(threadIdx.x) / CHUNKS; row < ROWS; row += THREADS / CHUNKS)
    {
        const bfloat16* source = row_address(row);
        bfloat16* destination = tile + place_of(row, chunk);
        if (aligned)
        {
            copy_async_or_zero(destination, source != nullptr ? source + chunk * CHUNK : matrix, source != nullptr);
        }
        else
        {
#pragma unroll 1
            for (int e = 0; e < CHUNK; e++) destination[e] = source != nullptr ? source[chunk * CHUNK + e] : bfloat16{0};
        }
    }
}

/// Starts the copy of neighboring rows of a matrix, of which only the first `count` exist; the others become rows of zeros.
template <int ROWS, int THREADS> DEVICE void copy_rows(bfloat16* tile, const bfloat16* matrix, long long stride, int first, int column, int count, bool aligned)
{
    // A loop calls this with few registers to spare: the thread's part of the addresses is computed again each time.
    int thread = unknown(static_cast<int>(threadIdx.x));
    int row = thread / CHUNKS;
    column += thread % CHUNKS * CHUNK;
    bfloat16* destination = tile + place_of(row, thread % CHUNKS);
    const bfloat16* source = matrix + (first + row) * stride + column;
    constexpr int STEP = THREADS / CHUNKS;
    if (aligned)
    {
#pragma unroll
        for (int i = 0; i < ROWS; i += STEP)
        {
            copy_async_or_zero(destination + place_of(i, 0), source, row + i < count);
            source += STEP * stride;
        }
    }
    else
    {
#pragma unroll 1
        for (int i = 0; i < ROWS; i += STEP)
        {
#pragma unroll 1
            for (int e = 0; e < CHUNK; e++) destination[place_of(i, 0) + e] = row + i < count ? source[e] : bfloat16{0};
            source += STEP * stride;
        }
    }
}

/// Where in a tile this lane begins when a warp loads fragments: what is added to it are constants, which cost no registers as long as they stay in the instruction. So the compiler must not compute
/// these sums before a loop: hence `unknown`.
DEVICE int left_place() { return unknown(place_of(lane_index() % 16, lane_index() / 16)); }

/// The same for right operands whose columns are rows of the tile.
DEVICE int right_place() { return unknown(place_of(lane_index() % 8 + lane_index() / 16 * 8, lane_index() / 8 % 2)); }

/// [row, row + 16) x [8 chunk, 8 chunk + 16) of a tile as a left operand; `tile` begins at left_place.
DEVICE void load_left(unsigned (&r)[4], const bfloat16* tile, int row, int chunk) { load_matrix_x4(r, tile + place_of(row, chunk)); }

/// As two right operands (r[0], r[1]) and (r[2], r[3]), whose columns are rows of the tile, eight each; `tile` begins at right_place.
DEVICE void load_right(unsigned (&r)[4], const bfloat16* tile, int row, int chunk) { load_matrix_x4(r, tile + place_of(row, chunk)); }

/// As two right operands (r[0], r[1]) and (r[2], r[3]), whose columns are columns of the tile, eight each; `tile` begins at left_place.
DEVICE void load_right_transposed(unsigned (&r)[4], const bfloat16* tile, int row, int chunk) { load_matrix_x4_transposed(r, tile + place_of(row, chunk)); }

template <int COUNT> DEVICE void clear(float (&values)[COUNT][4])
{
#pragma unroll
    for (int n = 0; n < COUNT; n++)
    {
#pragma unroll
        for (int e = 0; e < 4; e++) values[n][e] = 0.0f;
    }
}

/// Two neighboring 16 x 8 results as the left operand of a product that sums over their 16 columns.
DEVICE void pack_operand(unsigned (&operand)[4], const float (&left)[4], const float (&right)[4])
{
    operand[0] = pack_bfloat16(left[0], left[1]);
    operand[1] = pack_bfloat16(left[2], left[3]);
    operand[2] = pack_bfloat16(right[0], right[1]);
    operand[3] = pack_bfloat16(right[2], right[3]);
}

/// Writes 16 rows that a warp holds as results to rows of a tile that nobody reads any more, and from there, 16 bytes at a time, to global memory.
template <class RowAddress>
DEVICE void store_rows(const float (&results)[HEAD_SIZE / 8][4], float upper_factor, float lower_factor, bfloat16* tile, int first, bool aligned, RowAddress row_address)
{
    int lane = lane_index();
    bfloat16* own = tile + place_of(first + lane / 4, 0) + lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < HEAD_SIZE / 8; n++)
    {
        *reinterpret_cast<unsigned*>(own + place_of(0, n)) = pack_bfloat16(results[n][0] * upper_factor, results[n][1] * upper_factor);
        *reinterpret_cast<unsigned*>(own + place_of(8, n)) = pack_bfloat16(results[n][2] * lower_factor, results[n][3] * lower_factor);
    }
    __syncwarp();
    int chunk = lane % CHUNKS;
#pragma unroll 1
    for (int row = lane / CHUNKS; row < 16; row += WARP / CHUNKS)
    {
        bfloat16* destination = row_address(first + row);
        const bfloat16* source = tile + place_of(first + row, chunk);
        if (destination == nullptr) continue;
        if (aligned)
        {
            store_vector(destination + chunk * CHUNK, load_shared_vector(source));
        }
        else
        {
#pragma unroll 1
            for (int e = 0; e < CHUNK; e++) destination[chunk * CHUNK + e] = source[e];
        }
    }
}

/// The rows of a warp, TILES times 16, against blocks of keys. A thread holds of each result the columns 8 n + 2 (lane % 4) and the next of rows lane / 4 ("upper") and lane / 4 + 8 ("lower").
template <int TILES> struct RowBlock
{
    float scores[TILES][KEY_BLOCK / 8][4];
    unsigned weights[TILES][KEY_STEPS][4];
    float maximum[TILES][2];
    float sum[TILES][2];
};

/// scores = Q * K^T. `held` are the fragments of the queries where there are registers for them, otherwise they are read again.
template <int TILES, bool HELD>
DEVICE void multiply_keys(RowBlock<TILES>& block, const unsigned (&held)[TILES][HELD ? STEPS : 1][4], const bfloat16* queries, const bfloat16* keys)
{
#pragma unroll
    for (int t = 0; t < TILES; t++) clear(block.scores[t]);
#pragma unroll
    for (int k = 0; k < STEPS; k++)
    {
        unsigned left[TILES][4];
#pragma unroll
        for (int t = 0; t < TILES; t++)
        {
            if constexpr (HELD)
            {
#pragma unroll
                for (int e = 0; e < 4; e++) left[t][e] = held[t][k][e];
            }
            else
            {
                load_left(left[t], queries, 16 * t, 2 * k);
            }
        }
#pragma unroll
        for (int j = 0; j < KEY_BLOCK / 16; j++)
        {
            unsigned right[4];
            load_right(right, keys, 16 * j, 2 * k);
#pragma unroll
            for (int t = 0; t < TILES; t++)
            {
                multiply_accumulate(block.scores[t][2 * j], left[t], right[0], right[1]);
                multiply_accumulate(block.scores[t][2 * j + 1], left[t], right[2], right[3]);
            }
        }
    }
}

/// The factor of the scores in units of log2(e), without its sign, and never 0: minus infinity times it must stay what it is.
DEVICE float positive_scale(float scale) { return fmaxf(fabsf(scale) * LOG2_E, 1.0e-37f); }

template <int TILES> DEVICE void negate_scores(RowBlock<TILES>& block)
{
#pragma unroll
    for (int t = 0; t < TILES; t++)
    {
#pragma unroll
        for (int n = 0; n < KEY_BLOCK / 8; n++)
        {
#pragma unroll
            for (int e = 0; e < 4; e++) block.scores[t][n][e] = -block.scores[t][n][e];
        }
    }
}

/// Scores become weights exp2(scale * score - maximum); visible(row of the warp) says how many keys of the block a row sees, and is asked only where not every row of the tile sees the whole block.
/// The scale is positive, so that the maximum is that of the scores as they are. The sum of a row goes through its columns in a thread, then over the four threads of the row.
template <int TILES, bool MASKED, class Visible> DEVICE void weigh(RowBlock<TILES>& block, float scale, Visible visible)
{
    const float nothing = bits_float(0xff800000u);
#pragma unroll
    for (int t = 0; t < TILES; t++)
    {
        if constexpr (MASKED)
        {
            int column = unknown(lane_index()) % 4 * 2;
            int seen[2] = {visible(16 * t + lane_index() / 4) - column, visible(16 * t + lane_index() / 4 + 8) - column};
#pragma unroll
            for (int n = 0; n < KEY_BLOCK / 8; n++)
            {
#pragma unroll
                for (int e = 0; e < 4; e++) block.scores[t][n][e] = 8 * n + e % 2 < seen[e / 2] ? block.scores[t][n][e] : nothing;
            }
        }
#pragma unroll
        for (int half = 0; half < 2; half++)
        {
            float maximum = nothing;
#pragma unroll
            for (int n = 0; n < KEY_BLOCK / 8; n++) maximum = fmaxf(maximum, fmaxf(block.scores[t][n][2 * half], block.scores[t][n][2 * half + 1]));
            maximum = fmaxf(maximum, __shfl_xor_sync(FULL_WARP, maximum, 1));
            maximum = fmaxf(maximum, __shfl_xor_sync(FULL_WARP, maximum, 2));
            maximum *= scale;
            float reference = reference_of(maximum);
            float sum = 0.0f;
#pragma unroll
            for (int n = 0; n < KEY_BLOCK / 8; n++)
            {
#pragma unroll
                for (int e = 2 * half; e < 2 * half + 2; e++)
                {
                    block.scores[t][n][e] = weight_of(fmaf(block.scores[t][n][e], scale, -reference));
                    sum += block.scores[t][n][e];
                }
            }
            sum += __shfl_xor_sync(FULL_WARP, sum, 1);
            sum += __shfl_xor_sync(FULL_WARP, sum, 2);
            block.maximum[t][half] = maximum;
            block.sum[t][half] = sum;
        }
#pragma unroll
        for (int k = 0; k < KEY_STEPS; k++) pack_operand(block.weights[t][k], block.scores[t][2 * k], block.scores[t][2 * k + 1]);
    }
}

/// P * V, PART columns at a time in fresh sums; take(t, n, product) receives columns 8 n to 8 n + 7 of the t-th 16 rows.
template <int TILES, int PART, class Take> DEVICE void multiply_values(const RowBlock<TILES>& block, const bfloat16* values, Take take)
{
#pragma unroll
    for (int part = 0; part < HEAD_SIZE; part += PART)
    {
        float products[TILES][PART / 8][4];
#pragma unroll
        for (int t = 0; t < TILES; t++) clear(products[t]);
#pragma unroll
        for (int k = 0; k < KEY_STEPS; k++)
        {
#pragma unroll
            for (int j = 0; j < PART / 16; j++)
            {
                unsigned right[4];
                load_right_transposed(right, values, 16 * k, part / CHUNK + 2 * j);
#pragma unroll
                for (int t = 0; t < TILES; t++)
                {
                    multiply_accumulate(products[t][2 * j], block.weights[t][k], right[0], right[1]);
                    multiply_accumulate(products[t][2 * j + 1], block.weights[t][k], right[2], right[3]);
                }
            }
        }
#pragma unroll
        for (int t = 0; t < TILES; t++)
        {
#pragma unroll
            for (int n = 0; n < PART / 8; n++) take(t, part / 8 + n, products[t][n]);
        }
    }
}

/// A tile of WARPS * TILES * 16 rows against all blocks of keys its last row sees.
template <int WARPS, int TILES>
DEVICE void tensor_forward(bfloat16* output, long long output_stride, float* log_sum_exp, long long log_sum_exp_stride, const bfloat16* query, long long query_stride, const bfloat16* key,
    long long key_stride, const bfloat16* value, long long value_stride, const Sequences& sequences, float scale)
{
    constexpr int TILE = 16 * TILES * WARPS;
    constexpr int THREADS = WARPS * WARP;
    constexpr bool HELD = TILES * HEAD_SIZE <= 128;
    constexpr int PART = TILES == 2 ? 32 : 64;
    bfloat16* queries = shared_elements();
    bfloat16* keys = queries + TILE * PITCH;
    bfloat16* values = keys + 2 * KEY_BLOCK * PITCH;
    int* seen = reinterpret_cast<int*>(values + 2 * KEY_BLOCK * PITCH);
    int lane = lane_index();

    // Key-value heads of a sequence are neighbors; the last tiles, which see the most keys, come first.
    int head = static_cast<int>(blockIdx.x % sequences.key_value_heads);
    unsigned rest = blockIdx.x / sequences.key_value_heads;
    int tiles = blocks_of(sequences.maximum_queries * sequences.group_size, TILE);
    int first = (tiles - 1 - static_cast<int>(rest / sequences.count)) * TILE;
    Sequence sequence;
    if (!read_sequence(sequence, sequences, static_cast<int>(rest % sequences.count))) return;
    int group = sequences.group_size;
    int rows = sequence.queries * group - first;
    rows = rows < TILE ? rows : TILE;
    if (rows <= 0) return;

    bool keys_aligned = rows_are_aligned(key, key_stride);
    bool values_aligned = rows_are_aligned(value, value_stride);
    auto copy_block = [&](int block)
    {
        int start = block * KEY_BLOCK;
        int offset = block % 2 * KEY_BLOCK * PITCH;
        copy_rows<KEY_BLOCK, THREADS>(keys + offset, key, key_stride, sequence.first_key + start, head * HEAD_SIZE, sequence.keys - start, keys_aligned);
        copy_rows<KEY_BLOCK, THREADS>(values + offset, value, value_stride, sequence.first_key + start, head * HEAD_SIZE, sequence.keys - start, values_aligned);
    };
    copy_tile<TILE, THREADS>(queries, query, rows_are_aligned(query, query_stride),
        [&](int row) { return row < rows ? query + row_offset(sequence, first + row, head, group, query_stride) : nullptr; });
    for (int row = static_cast<int>(threadIdx.x); row < TILE; row += THREADS) seen[row] = visible_keys(sequence, (first + row) / group);
    int blocks = blocks_of(visible_keys(sequence, (first + rows - 1) / group), KEY_BLOCK);
    if (blocks > 0) copy_block(0);
    copy_async_commit();

    // Blocks that the first row of the tile does not see to their end are masked. A branch that is the same for the whole block costs neither registers nor convergence.
    int fewest = visible_keys(sequence, first / group);
    int warp_row = static_cast<int>(threadIdx.x) / WARP * 16 * TILES;
    float maximum[TILES][2], sum[TILES][2], sums[TILES][HEAD_SIZE / 8][4];
#pragma unroll
    for (int t = 0; t < TILES; t++)
    {
        clear(sums[t]);
#pragma unroll
        for (int half = 0; half < 2; half++)
        {
            maximum[t][half] = bits_float(0xff800000u);
            sum[t][half] = 0.0f;
        }
    }

    unsigned held[TILES][HELD ? STEPS : 1][4];
    for (int b = 0; b < blocks; b++)
    {
        copy_async_wait<0>();
        __syncthreads();
        if (b + 1 < blocks) copy_block(b + 1);
        copy_async_commit();
        if constexpr (HELD)
        {
            if (b == 0)
            {
#pragma unroll
                for (int t = 0; t < TILES; t++)
                {
#pragma unroll
                    for (int k = 0; k < STEPS; k++) load_left(held[t][k], queries + left_place(), warp_row + 16 * t, 2 * k);
                }
            }
        }
        int start = b * KEY_BLOCK;
        int offset = b % 2 * KEY_BLOCK * PITCH;
        RowBlock<TILES> block;
        auto visible = [&](int row) { return seen[unknown(warp_row) + row] - start; };
        multiply_keys<TILES, HELD>(block, held, queries + left_place() + place_of(warp_row, 0), keys + offset + right_place());
        if (scale < 0.0f) negate_scores(block);
        if (fewest < start + KEY_BLOCK) weigh<TILES, true>(block, positive_scale(scale), visible);
        else weigh<TILES, false>(block, positive_scale(scale), visible);
        float old_factor[TILES][2], block_factor[TILES][2];
#pragma unroll
        for (int t = 0; t < TILES; t++)
        {
#pragma unroll
            for (int half = 0; half < 2; half++)
            {
                float largest = fmaxf(maximum[t][half], block.maximum[t][half]);
                rescale(old_factor[t][half], block_factor[t][half], maximum[t][half], block.maximum[t][half], largest);
                maximum[t][half] = largest;
                sum[t][half] = merged(sum[t][half], block.sum[t][half], old_factor[t][half], block_factor[t][half]);
            }
        }
        multiply_values<TILES, PART>(block, values + offset + left_place(), [&](int t, int n, const float (&product)[4])
        {
#pragma unroll
            for (int e = 0; e < 4; e++) sums[t][n][e] = merged(sums[t][n][e], product[e], old_factor[t][e / 2], block_factor[t][e / 2]);
        });
    }

    // Where there was no block, the copy of the queries still has to arrive before their place is used again.
    copy_async_wait<0>();
    __syncthreads();
#pragma unroll
    for (int t = 0; t < TILES; t++)
    {
        float factors[2];
#pragma unroll
        for (int half = 0; half < 2; half++)
        {
            int row = warp_row + 16 * t + lane / 4 + 8 * half;
            bool sees = seen[row] > 0;
            factors[half] = sees ? divisor_of(sum[t][half]) : 0.0f;
            if (log_sum_exp != nullptr && lane % 4 == 0 && row < rows)
                log_sum_exp[statistic_offset(sequence, first + row, head, group, log_sum_exp_stride)] = sees ? log_sum_of(maximum[t][half], sum[t][half]) : bits_float(0xff800000u);
        }
        store_rows(sums[t], factors[0], factors[1], queries, warp_row + 16 * t, rows_are_aligned(output, output_stride),
            [&](int row) { return row < rows ? output + row_offset(sequence, first + row, head, group, output_stride) : nullptr; });
    }
}

/// Tiles of 64 rows. Shared memory: 5 * 64 rows of PITCH elements and 64 ints.
KERNEL_BOUNDS(128, 2) attention_forward(storage_t* __restrict__ output, long long output_stride, float* __restrict__ log_sum_exp, long long log_sum_exp_stride, const storage_t* __restrict__ query,
    long long query_stride, const storage_t* __restrict__ key, long long key_stride, const storage_t* __restrict__ value, long long value_stride, const int* __restrict__ query_offsets,
    const int* __restrict__ key_offsets, const int* __restrict__ key_lengths, int* __restrict__ faults, int sequence_count, int query_rows, int key_rows, int maximum_queries, int maximum_keys,
    int key_value_heads, int group_size, int causal, float scale)
{
    Sequences sequences = {query_offsets, key_offsets, key_lengths, faults, sequence_count, query_rows, key_rows, maximum_queries, maximum_keys, key_value_heads, group_size, causal};
    tensor_forward<TENSOR_WARPS, 1>(output, output_stride, log_sum_exp, log_sum_exp_stride, query, query_stride, key, key_stride, value, value_stride, sequences, scale);
}

/// Tiles of 128 rows. Shared memory: 6 * 64 rows of PITCH elements and 128 ints.
#if HEAD_SIZE == 64
KERNEL_BOUNDS(128, 2)
#else
KERNEL_BOUNDS(256, 1)
#endif
attention_forward_wide(storage_t* __restrict__ output, long long output_stride, float* __restrict__ log_sum_exp, long long log_sum_exp_stride,
    const storage_t* __restrict__ query, long long query_stride, const storage_t* __restrict__ key, long long key_stride, const storage_t* __restrict__ value, long long value_stride,
    const int* __restrict__ query_offsets, const int* __restrict__ key_offsets, const int* __restrict__ key_lengths, int* __restrict__ faults, int sequence_count, int query_rows, int key_rows,
    int maximum_queries, int maximum_keys, int key_value_heads, int group_size, int causal, float scale)
{
    Sequences sequences = {query_offsets, key_offsets, key_lengths, faults, sequence_count, query_rows, key_rows, maximum_queries, maximum_keys, key_value_heads, group_size, causal};
    tensor_forward<WIDE_WARPS, WIDE_TILES>(output, output_stride, log_sum_exp, log_sum_exp_stride, query, query_stride, key, key_stride, value, value_stride, sequences, scale);
}

/// Tiles of 16 rows against one block of keys each: one warp, everything it needs in flight at once; attention_merge follows. Shared memory: (16 + 2 * 64) rows of PITCH elements.
KERNEL_BOUNDS(32, 6) attention_forward_split(float* __restrict__ products, float* __restrict__ statistics, const storage_t* __restrict__ query, long long query_stride,
    const storage_t* __restrict__ key, long long key_stride, const storage_t* __restrict__ value, long long value_stride, const int* __restrict__ query_offsets,
    const int* __restrict__ key_offsets, const int* __restrict__ key_lengths, int* __restrict__ faults, int sequence_count, int query_rows, int key_rows, int maximum_queries, int maximum_keys,
    int key_value_heads, int group_size, int causal, float scale)
{
    Sequences sequences = {query_offsets, key_offsets, key_lengths, faults, sequence_count, query_rows, key_rows, maximum_queries, maximum_keys, key_value_heads, group_size, causal};
    constexpr int TILE = 16;
    bfloat16* queries = shared_elements();
    bfloat16* keys = queries + TILE * PITCH;
    bfloat16* values = keys + KEY_BLOCK * PITCH;
    int lane = lane_index();
    int head = static_cast<int>(blockIdx.x % key_value_heads);
    unsigned rest = blockIdx.x / key_value_heads;
    int index = static_cast<int>(rest % sequence_count);
    rest /= sequence_count;
    int tiles = blocks_of(maximum_queries * group_size, TILE);
    int first = static_cast<int>(rest % tiles) * TILE;
    int key_block = static_cast<int>(rest / tiles);
    int start = key_block * KEY_BLOCK;
    Sequence sequence;
    if (!read_sequence(sequence, sequences, index)) return;
    int rows = sequence.queries * group_size - first;
    rows = rows < TILE ? rows : TILE;
    if (rows <= 0 || start >= visible_keys(sequence, (first + rows - 1) / group_size)) return;

    copy_tile<TILE, WARP>(queries, query, rows_are_aligned(query, query_stride),
        [&](int row) { return row < rows ? query + row_offset(sequence, first + row, head, group_size, query_stride) : nullptr; });
    copy_rows<KEY_BLOCK, WARP>(keys, key, key_stride, sequence.first_key + start, head * HEAD_SIZE, sequence.keys - start, rows_are_aligned(key, key_stride));
    copy_async_commit();
    copy_rows<KEY_BLOCK, WARP>(values, value, value_stride, sequence.first_key + start, head * HEAD_SIZE, sequence.keys - start, rows_are_aligned(value, value_stride));
    copy_async_commit();

    RowBlock<1> block;
    unsigned held[1][1][4];
    copy_async_wait<1>();
    __syncwarp();
    multiply_keys<1, false>(block, held, queries + left_place(), keys + right_place());
    if (scale < 0.0f) negate_scores(block);
    weigh<1, true>(block, positive_scale(scale), [&](int row) { return visible_keys(sequence, (first + row) / group_size) - start; });
    copy_async_wait<0>();
    __syncwarp();
    long long places[2];
#pragma unroll
    for (int half = 0; half < 2; half++)
    {
        int row = lane / 4 + 8 * half;
        places[half] = partial_index(sequences, index, head, key_block, first + row);
        if (row < rows && lane % 4 == 0)
        {
            statistics[2 * places[half]] = block.maximum[0][half];
            statistics[2 * places[half] + 1] = block.sum[0][half];
        }
    }
    multiply_values<1, 64>(block, values + left_place(), [&](int, int n, const float (&product)[4])
    {
#pragma unroll
        for (int e = 0; e < 4; e++)
        {
            if (lane / 4 + 8 * (e / 2) < rows) products[places[e / 2] * HEAD_SIZE + 8 * n + lane % 4 * 2 + e % 2] = product[e];
        }
    });
}
