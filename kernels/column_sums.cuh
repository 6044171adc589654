// Sums over the rows of a matrix (gradients of norm weights, biases and layer scales) in two launches and a fixed order. The rows are cut into parts that depend on the shape alone; the kernel
// that reads them anyway writes one partial sum per part and channel, and add_partial_sums adds the parts in order to what the gradient holds already.
#pragma once

#include "portable.cuh"

/// The first row of a part; part `parts` begins where the rows end. Parts differ by at most one row.
DEVICE int first_row_of_part(int part, int parts, int rows) { return static_cast<int>(static_cast<long long>(rows) * part / parts); }

constexpr int SUM_COLUMNS = 32;
constexpr int SUM_SLICES = 8;

/// first_target[C] += the sum over parts of partials[0, part, C]; second_target the same of partials[1]. A target may be absent. One block takes 32 columns of one target (blockIdx.y):
/// warp s sums the parts s, s + 8, ..., and the eight sums are added in order.
KERNEL(256) add_partial_sums(float* first_target, float* second_target, const float* __restrict__ partials, int parts, int channels)
{
    SHARED(float, slices, SUM_SLICES * SUM_COLUMNS);
    float* target = blockIdx.y == 0 ? first_target : second_target;
    if (target == nullptr) return;
    int lane = threadIdx.x % SUM_COLUMNS;
    int slice = threadIdx.x / SUM_COLUMNS;
    int column = blockIdx.x * SUM_COLUMNS + lane;
    const float* part = partials + static_cast<long long>(blockIdx.y) * parts * channels + column;
    float sum = 0.0f;
    if (column < channels)
    {
#pragma unroll 8
        for (int p = slice; p < parts; p += SUM_SLICES) sum += part[static_cast<long long>(p) * channels];
    }
    slices[threadIdx.x] = sum;
    __syncthreads();
    if (slice != 0 || column >= channels) return;
    for (int s = 1; s < SUM_SLICES; s++) sum += slices[s * SUM_COLUMNS + lane];
    target[column] += sum;
}
