// Small kernels for the emulator's self-test: clean ones, and one for every mistake that a detector must see. (STORAGE_BITS=16)
#include "portable.cuh"

// ---- clean ----

KERNEL(256) scale(float* __restrict__ output, const float* __restrict__ input, float factor, int count)
{
    int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < count)
        output[i] = factor * input[i];
}

/// Sum and maximum of every row through one shared array that is used twice.
KERNEL(128) row_statistics(float* __restrict__ sums, float* __restrict__ maxima, const float* __restrict__ input, long long columns)
{
    SHARED(float, partial, 4);
    int t = static_cast<int>(threadIdx.x);
    const float* row = input + blockIdx.x * columns;
    float sum = 0, maximum = -1e30f;
    for (long long i = t; i < columns; i += 128)
    {
        sum += row[i];
        maximum = fmaxf(maximum, row[i]);
    }
    sum = warp_sum(sum);
    if (t % WARP == 0)
        partial[t / WARP] = sum;
    __syncthreads();
    if (t == 0)
        sums[blockIdx.x] = partial[0] + partial[1] + partial[2] + partial[3];
    __syncthreads();
    maximum = warp_maximum(maximum);
    if (t % WARP == 0)
        partial[t / WARP] = maximum;
    __syncthreads();
    if (t == 0)
        maxima[blockIdx.x] = fmaxf(fmaxf(partial[0], partial[1]), fmaxf(partial[2], partial[3]));
}

/// Reverses 32 values in every warp through shared memory, twice, with __syncwarp alone.
KERNEL(64) reverse_in_warp(float* __restrict__ output, const float* __restrict__ input)
{
    SHARED(float, exchange, 64);
    int t = static_cast<int>(threadIdx.x), lane = t % WARP;
    float value = input[t];
    for (int turn = 0; turn < 3; turn++)
    {
        exchange[t] = value;
        __syncwarp();
        value = exchange[t - lane + 31 - lane];
        __syncwarp();
    }
    output[t] = value;
}

constexpr int TILE = 64, TILE_DEPTH = 32, TILE_STRIDE = TILE_DEPTH + 8;

DEVICE void load_tile(bfloat16* tile, const bfloat16* matrix, int row, int column, int depth)
{
    for (int i = static_cast<int>(threadIdx.x); i < TILE * TILE_DEPTH / 8; i += 128)
    {
        int r = i / (TILE_DEPTH / 8), c = i % (TILE_DEPTH / 8) * 8;
        copy_async(tile + r * TILE_STRIDE + c, matrix + static_cast<long long>(row + r) * depth + column + c, 16);
    }
}

// MISTAKE: 0 none, 1 one group too many left pending, 2 no barrier after the wait, 3 no barrier before the buffer is filled again, 4 no commit
template <int MISTAKE> DEVICE void multiply_tiles(float* __restrict__ output, const bfloat16* __restrict__ a, const bfloat16* __restrict__ b, int columns, int depth)
{
    DYNAMIC_SHARED(bfloat16, tiles);
    constexpr int BYTES = TILE * TILE_STRIDE;
    int t = static_cast<int>(threadIdx.x), warp = t / WARP, lane = t % WARP;
    int row = static_cast<int>(blockIdx.y) * TILE, column = static_cast<int>(blockIdx.x) * TILE;
    float sum[8][4] = {};
    int steps = depth / TILE_DEPTH;
    load_tile(tiles, a, row, 0, depth);
    load_tile(tiles + BYTES, b, column, 0, depth);
    copy_async_commit();
    for (int step = 0; step < steps; step++)
    {
        bfloat16* at = tiles + step % 2 * 2 * BYTES;
        if (step + 1 < steps)
        {
            bfloat16* next = tiles + (step + 1) % 2 * 2 * BYTES;
            load_tile(next, a, row, (step + 1) * TILE_DEPTH, depth);
            load_tile(next + BYTES, b, column, (step + 1) * TILE_DEPTH, depth);
            if (MISTAKE != 4)
                copy_async_commit();
            copy_async_wait<MISTAKE == 1 ? 2 : 1>();
        }
        else
            copy_async_wait<0>();
        if (MISTAKE != 2)
            __syncthreads();
        for (int k = 0; k < TILE_DEPTH; k += 16)
        {
            unsigned left[4], right[4];
            load_matrix_x4(left, at + (warp * 16 + lane % 16) * TILE_STRIDE + k + lane / 16 * 8);
            for (int j = 0; j < 4; j++)
            {
                load_matrix_x4(right, at + BYTES + (j * 16 + lane % 16) * TILE_STRIDE + k + lane / 16 * 8);
                multiply_accumulate(sum[2 * j], left, right[0], right[2]);
                multiply_accumulate(sum[2 * j + 1], left, right[1], right[3]);
            }
        }
        if (MISTAKE != 3)
            __syncthreads();
    }
    for (int j = 0; j < 8; j++)
        for (int i = 0; i < 4; i++)
            output[static_cast<long long>(row + warp * 16 + lane / 4 + i / 2 * 8) * columns + column + j * 8 + lane % 4 * 2 + i % 2] = sum[j][i];
}

/// output[rows, columns] = a[rows, depth] * b[columns, depth]^T.
KERNEL(128) multiply(float* __restrict__ output, const bfloat16* __restrict__ a, const bfloat16* __restrict__ b, int columns, int depth) { multiply_tiles<0>(output, a, b, columns, depth); }

/// The same values through the transposing load: b is [depth, 64].
KERNEL(32) multiply_transposed(float* __restrict__ output, const bfloat16* __restrict__ a, const bfloat16* __restrict__ b)
{
    SHARED(bfloat16, left, 16 * 24);
    SHARED(bfloat16, right, 16 * 24);
    int lane = static_cast<int>(threadIdx.x);
    for (int i = lane; i < 256; i += WARP)
    {
        left[i / 16 * 24 + i % 16] = a[i];
        right[i / 16 * 24 + i % 16] = b[i];
    }
    __syncwarp();
    unsigned l[4], r[4];
    load_matrix_x4(l, left + lane % 16 * 24 + lane / 16 * 8);
    load_matrix_x4_transposed(r, right + lane % 16 * 24 + lane / 16 * 8);
    float sum[2][4] = {};
    multiply_accumulate(sum[0], l, r[0], r[1]);
    multiply_accumulate(sum[1], l, r[2], r[3]);
    for (int j = 0; j < 2; j++)
        for (int i = 0; i < 4; i++)
            output[(lane / 4 + i / 2 * 8) * 16 + j * 8 + lane % 4 * 2 + i % 2] = sum[j][i];
}

/// Integer tickets: every thread of every block adds to one counter, and the largest index is kept.
KERNEL(64) count_threads(int* __restrict__ counters)
{
    atomicAdd(counters, 1);
    atomicMax(counters + 1, static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x));
}

KERNEL(96) indices(int* __restrict__ output)
{
    unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z), thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    output[block * (blockDim.x * blockDim.y * blockDim.z) + thread] = static_cast<int>(block * 1000 + thread);
}

CONSTANT_TABLE int SQUARES[8] = {0, 1, 4, 9, 16, 25, 36, 49};

struct Pair
{
    float first;
    long long second;
};

/// Parameters of many sizes, a constant table, a shuffle of 8 bytes, a ballot.
KERNEL(32) many_parameters(long long* __restrict__ output, unsigned char a, short b, double c, Pair pair, unsigned long long d, bool e)
{
    int lane = static_cast<int>(threadIdx.x);
    unsigned odd = __ballot_sync(FULL_WARP, lane % 2);
    long long other = __shfl_sync(FULL_WARP, static_cast<long long>(lane) << 33, (lane + 1) % 32);
    output[lane] = a + b + static_cast<long long>(c) + static_cast<long long>(pair.first) + pair.second + static_cast<long long>(d) + e + SQUARES[lane % 8] + (other >> 33) + static_cast<long long>(odd & 0xf);
}

KERNEL(1) add_one(int* __restrict__ value, int wanted) { value[0] = value[0] == wanted ? wanted + 1 : -1000; }

KERNEL(128) use_dynamic_shared(float* __restrict__ output, int count)
{
    DYNAMIC_SHARED(float, values);
    for (int i = static_cast<int>(threadIdx.x); i < count; i += 128)
        values[i] = static_cast<float>(i);
    __syncthreads();
    if (threadIdx.x == 0)
        output[0] = values[count - 1] + values[0];
}

// ---- one mistake each: addresses ----

KERNEL(32) read_behind(float* output, const float* input, int count) { output[threadIdx.x] = input[count + static_cast<int>(threadIdx.x)]; }
KERNEL(32) write_before(float* output) { output[static_cast<int>(threadIdx.x) - 1] = 1; }
KERNEL(32) copy_one(float* output, const float* input) { output[threadIdx.x] = input[threadIdx.x]; }
KERNEL(32) misaligned_float(float* output, const char* input) { output[threadIdx.x] = *reinterpret_cast<const float*>(input + 2); }
KERNEL(32) misaligned_vector(float* output, const float* input) { store_vector(output + 4 * threadIdx.x, load_vector(input + 1)); }
KERNEL(32) vector_behind(float* output, const float* input, int count) { store_vector(output + 4 * threadIdx.x, load_vector(input + count - 2)); }

struct Large
{
    float values[24];
};

KERNEL(1) large_copy(Large* output, const Large* input) { output[0] = input[1]; }

KERNEL(32) global_spelling_of_shared(float* output)
{
    SHARED(float, values, 128);
    for (int i = 0; i < 4; i++)
        values[4 * threadIdx.x + i] = 1;
    store_vector(output + 4 * threadIdx.x, load_vector(values + 4 * threadIdx.x));
}

KERNEL(32) shared_spelling_of_global(float* output, const float* input) { store_vector(output + 4 * threadIdx.x, load_shared_vector(input + 4 * threadIdx.x)); }

KERNEL(32) shared_behind(float* output)
{
    SHARED(float, first, 32);
    SHARED(float, second, 32);
    first[threadIdx.x] = 1;
    second[threadIdx.x + 1] = 1;
    output[threadIdx.x] = first[threadIdx.x];
}

KERNEL(32) dynamic_shared_behind(float* output, int count)
{
    DYNAMIC_SHARED(float, values);
    values[count - 31 + static_cast<int>(threadIdx.x)] = 1;
    output[threadIdx.x] = 1;
}

KERNEL(32) write_constant(float* output)
{
    const_cast<int*>(SQUARES)[threadIdx.x % 8] = 1;
    output[0] = 0;
}

KERNEL(32) index_behind_own_array(float* output, int count)
{
    float mine[4] = {};
    for (int i = 0; i <= count; i++)
        mine[i] += static_cast<float>(i);
    output[threadIdx.x] = mine[0] + mine[1] + mine[2] + mine[3];
}

KERNEL(32) local_of_another_thread(float* output)
{
    SHARED(float*, pointers, 32);
    float mine[4] = {1, 2, 3, static_cast<float>(threadIdx.x)};
    pointers[threadIdx.x] = mine;
    __syncwarp();
    output[threadIdx.x] = pointers[31 - threadIdx.x][3];
}

// ---- races in shared memory ----

KERNEL(128) no_barrier_before_read(float* output)
{
    SHARED(float, values, 128);
    values[threadIdx.x] = 1;
    output[threadIdx.x] = values[127 - threadIdx.x];
}

KERNEL(128) no_barrier_before_reuse(float* output, const float* input)
{
    SHARED(float, partial, 4);
    int t = static_cast<int>(threadIdx.x);
    float sum = warp_sum(input[t]);
    if (t % WARP == 0)
        partial[t / WARP] = sum;
    __syncthreads();
    sum = partial[0] + partial[1] + partial[2] + partial[3];
    float maximum = warp_maximum(input[t]);
    if (t % WARP == 0)
        partial[t / WARP] = maximum;
    __syncthreads();
    output[t] = sum + partial[0];
}

KERNEL(64) two_writers(float* output)
{
    SHARED(float, value, 1);
    value[0] = static_cast<float>(threadIdx.x / WARP);
    __syncthreads();
    output[threadIdx.x] = value[0];
}

KERNEL(32) no_warp_barrier(float* output)
{
    SHARED(float, values, 32);
    values[threadIdx.x] = 1;
    output[threadIdx.x] = values[31 - threadIdx.x];
}

KERNEL(32) shuffle_is_no_barrier(float* output)
{
    SHARED(float, values, 32);
    values[threadIdx.x] = 1;
    float sum = warp_sum(1.0f);
    output[threadIdx.x] = values[31 - threadIdx.x] + sum;
}

KERNEL(64) warp_barrier_is_no_block_barrier(float* output)
{
    SHARED(float, values, 64);
    values[threadIdx.x] = 1;
    __syncwarp();
    output[threadIdx.x] = values[63 - threadIdx.x];
}

KERNEL(32) matrix_load_without_barrier(float* output)
{
    SHARED(bfloat16, rows, 32 * 8);
    for (int i = 0; i < 8; i++)
        rows[threadIdx.x * 8 + i] = to_bfloat16(1.0f);
    unsigned r[4];
    // Every lane names the row that it has written; its elements go to other lanes all the same.
    load_matrix_x4(r, rows + threadIdx.x * 8);
    output[threadIdx.x] = low_float(r[0]);
}

KERNEL(64) mma_is_no_barrier(float* output)
{
    SHARED(float, values, 64);
    values[threadIdx.x] = 1;
    float c[4] = {};
    unsigned a[4] = {};
    multiply_accumulate(c, a, 0, 0);
    output[threadIdx.x] = values[threadIdx.x ^ 1] + c[0];
}

KERNEL(32) misaligned_matrix_row(float* output)
{
    SHARED(bfloat16, rows, 32 * 12);
    for (int i = 0; i < 12; i++)
        rows[threadIdx.x * 12 + i] = to_bfloat16(1.0f);
    __syncwarp();
    unsigned r[4];
    load_matrix_x4(r, rows + threadIdx.x * 12);
    output[threadIdx.x] = low_float(r[0]);
}

// ---- asynchronous copies ----

KERNEL(128) multiply_waits_too_little(float* output, const bfloat16* a, const bfloat16* b, int columns, int depth) { multiply_tiles<1>(output, a, b, columns, depth); }
KERNEL(128) multiply_no_barrier_after_wait(float* output, const bfloat16* a, const bfloat16* b, int columns, int depth) { multiply_tiles<2>(output, a, b, columns, depth); }
KERNEL(128) multiply_no_barrier_before_refill(float* output, const bfloat16* a, const bfloat16* b, int columns, int depth) { multiply_tiles<3>(output, a, b, columns, depth); }
KERNEL(128) multiply_no_commit(float* output, const bfloat16* a, const bfloat16* b, int columns, int depth) { multiply_tiles<4>(output, a, b, columns, depth); }

KERNEL(32) own_copy_not_waited(float* output, const float* input)
{
    SHARED(float, values, 128);
    copy_async(values + 4 * threadIdx.x, input + 4 * threadIdx.x, 16);
    copy_async_commit();
    output[threadIdx.x] = values[4 * threadIdx.x];
    copy_async_wait<0>();
}

KERNEL(32) write_under_copy(float* output, const float* input)
{
    SHARED(float, values, 128);
    copy_async(values + 4 * threadIdx.x, input + 4 * threadIdx.x, 16);
    copy_async_commit();
    values[4 * threadIdx.x] = 1;
    copy_async_wait<0>();
    output[threadIdx.x] = values[4 * threadIdx.x];
}

KERNEL(32) copy_misaligned(float* output, const float* input)
{
    SHARED(float, values, 160);
    copy_async(values + 4 * threadIdx.x, input + 4 * threadIdx.x + 1, 16);
    copy_async_commit();
    copy_async_wait<0>();
    output[threadIdx.x] = values[4 * threadIdx.x];
}

KERNEL(32) copy_behind(float* output, const float* input, int count)
{
    SHARED(float, values, 128);
    copy_async(values + 4 * threadIdx.x, input + 4 * threadIdx.x + count - 124, 16);
    copy_async_commit();
    copy_async_wait<0>();
    output[threadIdx.x] = values[4 * threadIdx.x];
}

/// Clean: the last copy reads 8 of 16 bytes, one copy none.
KERNEL(32) partial_copies(float* output, const float* input, int count)
{
    SHARED(float, values, 128);
    int first = 4 * static_cast<int>(threadIdx.x), bytes = (count - first) * 4;
    bytes = bytes < 0 ? 0 : bytes > 16 ? 16 : bytes;
    copy_async(values + first, bytes > 0 ? input + first : input, bytes);
    copy_async_commit();
    copy_async_wait<0>();
    for (int i = 0; i < 4; i++)
        output[first + i] = values[first + i];
}

// ---- races in device memory ----

KERNEL(32) blocks_write_one_place(float* output) { output[threadIdx.x] = static_cast<float>(blockIdx.x); }
KERNEL(32) block_reads_what_another_writes(float* values) { values[blockIdx.x * 32 + threadIdx.x] = values[((blockIdx.x + 1) % gridDim.x) * 32 + threadIdx.x] + 1; }
KERNEL(64) threads_share_global(float* values)
{
    values[threadIdx.x] = 1;
    values[64 + threadIdx.x] = values[63 - threadIdx.x];
}
KERNEL(32) plain_against_atomic(int* counter, int* output)
{
    atomicAdd(counter, 1);
    output[blockIdx.x * 32 + threadIdx.x] = counter[0];
}
KERNEL(64) halves_of_a_word(bfloat16* output) { output[threadIdx.x] = to_bfloat16(static_cast<float>(threadIdx.x)); }

// ---- barriers and warp operations ----

KERNEL(128) divergent_barrier(float* output)
{
    if (threadIdx.x < 64)
        __syncthreads();
    else
        __syncthreads();
    output[threadIdx.x] = 1;
}

KERNEL(128) barrier_for_some(float* output)
{
    output[threadIdx.x] = 1;
    if (threadIdx.x < 64)
        __syncthreads();
}

KERNEL(128) return_before_barrier(float* output, int count)
{
    if (static_cast<int>(threadIdx.x) >= count)
        return;
    __syncthreads();
    output[threadIdx.x] = 1;
}

KERNEL(32) partial_mask(float* output)
{
    if (threadIdx.x < 16)
        output[threadIdx.x] = __shfl_xor_sync(0xffffu, 1.0f, 1);
}

KERNEL(32) shuffle_of_half_a_warp(float* output)
{
    if (threadIdx.x < 16)
        output[threadIdx.x] = __shfl_xor_sync(FULL_WARP, 1.0f, 1);
    __syncthreads();
}

KERNEL(32) shuffle_after_return(float* output)
{
    if (threadIdx.x == 31)
        return;
    output[threadIdx.x] = warp_sum(1.0f);
}

KERNEL(32) different_warp_operations(float* output)
{
    if (threadIdx.x < 16)
        output[threadIdx.x] = __shfl_xor_sync(FULL_WARP, 1.0f, 1);
    else
        output[threadIdx.x] = __shfl_down_sync(FULL_WARP, 1.0f, 1);
}

// ---- values that only poison shows ----

KERNEL(32) uninitialized_shared(float* output)
{
    SHARED(float, values, 32);
    output[threadIdx.x] = values[threadIdx.x] * 0.0f;
}

KERNEL(32) too_much_static_shared(float* output)
{
    SHARED(float, values, 12 * 1024 + 4);
    values[threadIdx.x] = 1;
    output[threadIdx.x] = values[threadIdx.x];
}

KERNEL(32) uninitialized_local(float* output, int count)
{
    float values[8];
    for (int i = 0; i < count; i++)
        values[i] = 1;
    float sum = 0;
    for (int i = 0; i < 8; i++)
        sum += values[i];
    output[threadIdx.x] = sum;
}

KERNEL(32) endless(float* output)
{
    while (output[0] != 5)
        output[1] = output[0];
}
