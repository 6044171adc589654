// What the head and the sampler know of a row of logits z: the maximum, S = sum exp(z - maximum) and the sum weighted by z - maximum. One law for all who need it, so that a log-probability recorded
// while sampling is bitwise that of training, and it is the law of src/Sophia.Native/Cpu/RowStatistics.cs, so that equal logits give equal bits on the CPU too:
// columns in blocks of 4096; within a block column v belongs to lane v mod 16, a chain of at most 256 terms; the blocks of a lane are added in their order; the sixteen lanes are folded by halves.
// A vocabulary of 152k has 38 blocks and so 608 chains: enough threads for a row without another order. Nothing depends on the number of threads.
// Where to read first: add_exponential, then row_statistics.
#pragma once

#include "math.cuh"

constexpr int STATISTICS_LANES = 16;
constexpr int STATISTICS_BLOCK = 4096;

struct RowStatistics
{
    float maximum, sum, weighted_sum, log_sum;
};

DEVICE float log_probability(float logit, const RowStatistics& statistics) { return logit - statistics.maximum - statistics.log_sum; }
DEVICE float entropy(const RowStatistics& statistics) { return statistics.log_sum - statistics.weighted_sum / statistics.sum; }

DEVICE int statistics_blocks(int columns) { return (columns + STATISTICS_BLOCK - 1) / STATISTICS_BLOCK; }

/// The next term of a chain. The difference is bounded where the exponential is 0 anyway: 0 times minus infinity would not be 0.
DEVICE void add_exponential(float z, float maximum, float& sum, float& weighted_sum)
{
    float difference = z - maximum;
    float e = exponential(difference);
    sum += e;
    weighted_sum = fmaf(e, difference > -200.0f ? difference : -200.0f, weighted_sum);
}

/// The total of sixteen lanes, from partial sums [blocks][16] in memory: called by a half warp, the result is in all its lanes.
DEVICE float fold_lanes(const float* partial, int blocks)
{
    int lane = static_cast<int>(threadIdx.x) % STATISTICS_LANES;
    float sum = 0.0f;
    for (int block = 0; block < blocks; block++) sum += partial[block * STATISTICS_LANES + lane];
#pragma unroll
    for (int distance = STATISTICS_LANES / 2; distance > 0; distance /= 2) sum += __shfl_xor_sync(FULL_WARP, sum, distance);
    return sum;
}

/// The largest value of all threads of the block, in all of them; the numbers of `scratch` [32] may be read until its next use. NaN counts as nothing.
DEVICE float block_maximum(float value, float* scratch)
{
    int warps = static_cast<int>(blockDim.x) / WARP;
    value = warp_maximum(value);
    if (threadIdx.x % WARP == 0) scratch[threadIdx.x / WARP] = value;
    __syncthreads();
    for (int warp = 0; warp < warps; warp++) value = fmaxf(value, scratch[warp]);
    return value;
}

/// Floats of shared memory that row_statistics needs.
DEVICE int statistics_floats(int columns) { return WARP + 2 * STATISTICS_LANES * statistics_blocks(columns); }

/// The statistics of z = factor * row, by all threads of a block and for all of them. Reads the row twice; `scratch` is shared memory of statistics_floats(columns) floats.
DEVICE RowStatistics row_statistics(const float* row, int columns, float factor, float* scratch)
{
    const int in_flight = 8;
    int threads = static_cast<int>(blockDim.x);
    int thread = static_cast<int>(threadIdx.x);
    RowStatistics statistics;

    float maximum = bits_float(0xff800000u);
    int column = thread;
    for (; column + (in_flight - 1) * threads < columns; column += in_flight * threads)
    {
        float z[in_flight];
#pragma unroll
        for (int i = 0; i < in_flight; i++) z[i] = row[column + i * threads];
#pragma unroll
        for (int i = 0; i < in_flight; i++) maximum = fmaxf(maximum, z[i] * factor);
    }
    for (; column < columns; column += threads) maximum = fmaxf(maximum, row[column] * factor);
    statistics.maximum = block_maximum(maximum, scratch);

    int blocks = statistics_blocks(columns);
    float* sums = scratch + WARP;
    float* weighted_sums = sums + STATISTICS_LANES * blocks;
    int lane = thread % STATISTICS_LANES;
    for (int block = thread / STATISTICS_LANES; block < blocks; block += threads / STATISTICS_LANES)
    {
        int end = min(columns, (block + 1) * STATISTICS_BLOCK);
        float sum = 0.0f;
        float weighted_sum = 0.0f;
        column = block * STATISTICS_BLOCK + lane;
        for (; column + (in_flight - 1) * STATISTICS_LANES < end; column += in_flight * STATISTICS_LANES)
        {
            float z[in_flight];
#pragma unroll
            for (int i = 0; i < in_flight; i++) z[i] = row[column + i * STATISTICS_LANES];
#pragma unroll
            for (int i = 0; i < in_flight; i++) add_exponential(z[i] * factor, statistics.maximum, sum, weighted_sum);
        }
        for (; column < end; column += STATISTICS_LANES) add_exponential(row[column] * factor, statistics.maximum, sum, weighted_sum);
        sums[block * STATISTICS_LANES + lane] = sum;
        weighted_sums[block * STATISTICS_LANES + lane] = weighted_sum;
    }
    __syncthreads();

    // The first half of warp 0 folds the sums, the second the weighted ones.
    if (thread < WARP)
    {
        float total = fold_lanes(thread < STATISTICS_LANES ? sums : weighted_sums, blocks);
        if (thread % STATISTICS_LANES == 0) scratch[thread / STATISTICS_LANES] = total;
    }
    __syncthreads();
    statistics.sum = scratch[0];
    statistics.weighted_sum = scratch[1];
    statistics.log_sum = logarithm(statistics.sum);
    return statistics;
}
