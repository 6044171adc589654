// Gradient of a linear layer's bias: the sum of rows.
//
// dBias[o] += sum over n of dOutput[n, o]   (accumulates, float)
// Shapes: dOutput [N, O]: storage; dBias [O], partials [ceil(N / 256), O]: float.
//
// The order of the sum depends on N alone: warp w of a block adds rows w, w + 8, .. of its 256 rows, the eight sums are added in order, and add_partial_sums adds those of the blocks to dBias.
// Bound by bytes: N O elements read once, 16 bytes a lane and four rows in flight; the partials are a hundredth of that. Not yet measured on a GPU. Where to read first: linear_bias_sum.
#include "column_sums.cuh"
#include "rows.cuh"

constexpr int WARPS = 8;
constexpr int BLOCK_ROWS = 256;
constexpr int IN_FLIGHT = 4;

/// Columns of a block.
constexpr int BLOCK_COLUMNS = WARP * STORAGE_VECTOR;

KERNEL(256) linear_bias_sum(float* __restrict__ partials, const storage_t* __restrict__ d_output, long long d_output_stride, int rows, int columns)
{
    SHARED(float, sums, WARPS * BLOCK_COLUMNS);
    int warp = static_cast<int>(threadIdx.x) / WARP;
    int own = static_cast<int>(threadIdx.x) % WARP * STORAGE_VECTOR;
    int column = static_cast<int>(blockIdx.x) * BLOCK_COLUMNS + own;
    int count = min(columns - column, STORAGE_VECTOR);
    int first_row = static_cast<int>(blockIdx.y) * BLOCK_ROWS;
    int end_row = min(rows, first_row + BLOCK_ROWS);

    float sum[STORAGE_VECTOR];
#pragma unroll
    for (int i = 0; i < STORAGE_VECTOR; i++) sum[i] = 0.0f;
    for (int row = first_row + warp; row < end_row && count > 0; row += IN_FLIGHT * WARPS)
    {
        float values[IN_FLIGHT][STORAGE_VECTOR];
#pragma unroll
        for (int i = 0; i < IN_FLIGHT; i++)
        {
            int present = row + i * WARPS;
            load_columns(values[i], d_output + present * d_output_stride + column, present < end_row ? count : 0);
        }
#pragma unroll
        for (int i = 0; i < IN_FLIGHT; i++) add_columns(sum, values[i]);
    }
#pragma unroll
    for (int i = 0; i < STORAGE_VECTOR; i++) sums[warp * BLOCK_COLUMNS + own + i] = sum[i];
    __syncthreads();

    int thread = static_cast<int>(threadIdx.x);
    int target = static_cast<int>(blockIdx.x) * BLOCK_COLUMNS + thread;
    if (thread < BLOCK_COLUMNS && target < columns)
    {
        float total = sums[thread];
#pragma unroll
        for (int i = 1; i < WARPS; i++) total += sums[i * BLOCK_COLUMNS + thread];
        partials[static_cast<long long>(blockIdx.y) * columns + target] = total;
    }
}
