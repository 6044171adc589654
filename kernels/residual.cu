// The residual connection, with InternViT's layer scale where there is one.
//   forward   output = residual + scale * branch (scale 1 where it is absent)
//   backward  dBranch = scale * dOutput;  dScale += sum over rows of dOutput * branch. The gradient of residual is dOutput itself.
// output, residual, branch, dBranch, dOutput [N, C] and scale [C] in storage; dScale [C] in float. output may be residual or branch.
// dScale is added to (column_sums.cuh) and may be absent, the rest is overwritten.
// Bound by bytes: 3*N*C elements forward, 3*N*C backward (2*N*C without dScale); besides, dScale writes and reads C floats of partial sums for each of at most 264 parts.
// Share of that bound: not yet measured on a GPU.
// Where to read first: residual_forward; elementwise.cuh for who owns what.
#include "elementwise.cuh"
#include "column_sums.cuh"

KERNEL(256)
residual_forward(storage_t* output, long long output_stride, const storage_t* residual, long long residual_stride, const storage_t* branch, long long branch_stride, const storage_t* scale, int rows,
                 int channels, int blocks_across)
{
    Tile at = thread_tile(blocks_across);
    Vector16 kept[TILE_ROWS], added[TILE_ROWS], factor = {};
    read_tile(kept, residual, residual_stride, at, rows, channels);
    read_tile(added, branch, branch_stride, at, rows, channels);
    if (scale != nullptr) factor = read_elements(scale, at.column, channels);
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r++)
    {
        float sums[STORAGE_VECTOR], branches[STORAGE_VECTOR], scales[STORAGE_VECTOR];
        unpack_elements(sums, kept[r]);
        unpack_elements(branches, added[r]);
        unpack_elements(scales, factor);
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++) sums[i] = fmaf(scale != nullptr ? scales[i] : 1.0f, branches[i], sums[i]);
        write_elements(output + (at.row + r) * output_stride, at.column, at.row + r < rows ? channels : 0, sums);
    }
}

/// Block (x, y) takes the part x of the rows and a run of columns y; partials [parts, C] take the part's sums for dScale, or are null (then branch is not read).
KERNEL(256)
residual_backward(storage_t* d_branch, long long d_branch_stride, float* partials, const storage_t* d_output, long long d_output_stride, const storage_t* branch, long long branch_stride,
                  const storage_t* scale, int rows, int channels)
{
    int column = static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x) * STORAGE_VECTOR;
    int first = first_row_of_part(blockIdx.x, gridDim.x, rows);
    int end = first_row_of_part(blockIdx.x + 1, gridDim.x, rows);
    float scales[STORAGE_VECTOR], d_scale[STORAGE_VECTOR] = {};
    unpack_elements(scales, read_elements(scale, column, channels));
    for (int row = first; row < end; row += TILE_ROWS)
    {
        Tile at = {row, column};
        Vector16 gradient[TILE_ROWS], x[TILE_ROWS];
        read_tile(gradient, d_output, d_output_stride, at, end, channels);
        read_tile(x, branch, branch_stride, at, end, partials != nullptr ? channels : 0);
#pragma unroll
        for (int r = 0; r < TILE_ROWS; r++)
        {
            float gradients[STORAGE_VECTOR], branches[STORAGE_VECTOR];
            unpack_elements(gradients, gradient[r]);
            unpack_elements(branches, x[r]);
#pragma unroll
            for (int i = 0; i < STORAGE_VECTOR; i++)
            {
                d_scale[i] = fmaf(gradients[i], branches[i], d_scale[i]);
                gradients[i] *= scales[i];
            }
            write_elements(d_branch + (at.row + r) * d_branch_stride, column, at.row + r < end ? channels : 0, gradients);
        }
    }
    if (partials == nullptr) return;
#pragma unroll
    for (int i = 0; i < STORAGE_VECTOR; i++)
        if (column + i < channels) partials[static_cast<long long>(blockIdx.x) * channels + column + i] = d_scale[i];
}
