// Root-mean-square norm of every row of [N, C], also as q/k norm over heads.
//   forward   r = 1 / sqrt(mean(x^2) + epsilon);  y = weight * (x * r)
//   backward  with g = dOutput * weight:  dInput (+)= r * g - x * r^3 * mean(g * x);  dWeight += sum over rows of dOutput * x * r
// output, input, dInput, dOutput [N, C] and weight [C] in storage; inverse_rms [N] and dWeight [C] in float. output may be input; dInput may be dOutput when it is overwritten.
// dInput is overwritten or added to as `accumulate` says, dWeight is added to (column_sums.cuh), the rest is overwritten; inverse_rms of the forward pass and dWeight may be absent.
// Bound by bytes: 2*N*C elements forward, 3*N*C backward (4 when accumulating), each touched once; besides, backward writes and reads C floats of partial sums for each of at most 264 parts.
// Share of that bound: not yet measured on a GPU.
// Where to read first: row_team.cuh for who owns which elements, then rmsnorm_forward.
#include "row_team.cuh"
#include "column_sums.cuh"

#if VECTORS_PER_THREAD > 0

/// One row a team; as many blocks of BLOCK_THREADS as hold all rows.
KERNEL(BLOCK_THREADS)
rmsnorm_forward(storage_t* output, long long output_stride, float* inverse_rms, const storage_t* input, long long input_stride, const storage_t* weight, int rows, int channels, float epsilon)
{
    SHARED(float, shared, TEAM_SUM_FLOATS);
    int row = blockIdx.x * TEAMS_PER_BLOCK + team();
    int columns = row < rows ? channels : 0;
    Vector16 x[VECTORS_PER_THREAD], w[VECTORS_PER_THREAD];
#pragma unroll
    for (int slot = 0; slot < VECTORS_PER_THREAD; slot++) x[slot] = read_elements(input + row * input_stride, slot_column(slot), columns);
#pragma unroll
    for (int slot = 0; slot < VECTORS_PER_THREAD; slot++) w[slot] = read_elements(weight, slot_column(slot), columns);

    float sum[1] = {0.0f};
#pragma unroll
    for (int slot = 0; slot < VECTORS_PER_THREAD; slot++)
    {
        float values[STORAGE_VECTOR];
        unpack_elements(values, x[slot]);
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++) sum[0] = fmaf(values[i], values[i], sum[0]);
    }
    team_sum(sum, shared, 0);
    float r = 1.0f / sqrtf(sum[0] / channels + epsilon);
    if (inverse_rms != nullptr && row < rows && threadIdx.x % THREADS_PER_ROW == 0) inverse_rms[row] = r;
#pragma unroll
    for (int slot = 0; slot < VECTORS_PER_THREAD; slot++)
    {
        float values[STORAGE_VECTOR], weights[STORAGE_VECTOR];
        unpack_elements(values, x[slot]);
        unpack_elements(weights, w[slot]);
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++) values[i] = weights[i] * (values[i] * r);
        write_elements(output + row * output_stride, slot_column(slot), columns, values);
    }
}

/// One block a part of the rows; partials [parts, C] take the part's sums for dWeight, or are null. The next row is on its way while a row is worked on, and the sums stay in registers.
KERNEL_BOUNDS(BLOCK_THREADS, BACKWARD_BLOCKS)
rmsnorm_backward(storage_t* d_input, long long d_input_stride, float* partials, const storage_t* d_output, long long d_output_stride, const storage_t* input, long long input_stride,
                 const storage_t* weight, const float* inverse_rms, int rows, int channels, int accumulate)
{
    SHARED(float, shared, TEAM_SUM_FLOATS);
    SHARED(float, shared_columns, COLUMN_FLOATS);
    int first = first_row_of_part(blockIdx.x, gridDim.x, rows);
    int end = first_row_of_part(blockIdx.x + 1, gridDim.x, rows);
    Vector16 w[VECTORS_PER_THREAD], next_x[VECTORS_PER_THREAD], next_gradient[VECTORS_PER_THREAD];
    float next_r = 0.0f;
    float d_weight[VECTORS_PER_THREAD][STORAGE_VECTOR] = {};
    auto fetch = [&](int row)
    {
        int columns = row < end ? channels : 0;
#pragma unroll
        for (int slot = 0; slot < VECTORS_PER_THREAD; slot++)
        {
            next_x[slot] = read_elements(input + row * input_stride, slot_column(slot), columns);
            next_gradient[slot] = read_elements(d_output + row * d_output_stride, slot_column(slot), columns);
        }
        if (row < end) next_r = inverse_rms[row];
    };
#pragma unroll
    for (int slot = 0; slot < VECTORS_PER_THREAD; slot++) w[slot] = read_elements(weight, slot_column(slot), channels);
    if (READ_AHEAD) fetch(first + team());
    int turn = 0;
    for (int base = first; base < end; base += TEAMS_PER_BLOCK, turn++)
    {
        int row = base + team();
        if (!READ_AHEAD) fetch(row);
        int columns = row < end ? channels : 0;
        storage_t* result = d_input + row * d_input_stride;
        float r = next_r;
        Vector16 before[VECTORS_PER_THREAD];
        float x[VECTORS_PER_THREAD][STORAGE_VECTOR], g[VECTORS_PER_THREAD][STORAGE_VECTOR];
        float sum[1] = {0.0f};
#pragma unroll
        for (int slot = 0; slot < VECTORS_PER_THREAD; slot++)
        {
            float weights[STORAGE_VECTOR];
            before[slot] = read_elements(result, slot_column(slot), accumulate ? columns : 0);
            unpack_elements(x[slot], next_x[slot]);
            unpack_elements(g[slot], next_gradient[slot]);
            unpack_elements(weights, w[slot]);
#pragma unroll
            for (int i = 0; i < STORAGE_VECTOR; i++)
            {
                d_weight[slot][i] = fmaf(g[slot][i], x[slot][i] * r, d_weight[slot][i]);
                g[slot][i] *= weights[i];
                sum[0] = fmaf(g[slot][i], x[slot][i], sum[0]);
            }
        }
        if (READ_AHEAD) fetch(row + TEAMS_PER_BLOCK);
        team_sum(sum, shared, turn);
        float slope = r * r * r * (sum[0] / channels);
#pragma unroll
        for (int slot = 0; slot < VECTORS_PER_THREAD; slot++)
        {
            float added[STORAGE_VECTOR];
            unpack_elements(added, before[slot]);
#pragma unroll
            for (int i = 0; i < STORAGE_VECTOR; i++)
            {
                g[slot][i] = fmaf(-x[slot][i], slope, g[slot][i] * r);
                if (accumulate) g[slot][i] = added[i] + g[slot][i];
            }
            write_elements(result, slot_column(slot), columns, g[slot]);
        }
    }
    if (partials != nullptr) write_columns(partials + static_cast<long long>(blockIdx.x) * channels, channels, d_weight, shared_columns);
}

#else

/// A row that does not fit into registers: it is read twice. One block a row.
KERNEL_BOUNDS(BLOCK_THREADS, 1)
rmsnorm_forward(storage_t* output, long long output_stride, float* inverse_rms, const storage_t* input, long long input_stride, const storage_t* weight, int rows, int channels, float epsilon)
{
    SHARED(float, shared, TEAM_SUM_FLOATS);
    int row = blockIdx.x;
    float values[STORAGE_VECTOR], weights[STORAGE_VECTOR];
    float sum[1] = {0.0f};
    for (int slot = 0; slot < slot_count(channels); slot++)
    {
        unpack_elements(values, read_elements(input + row * input_stride, slot_column(slot), channels));
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++) sum[0] = fmaf(values[i], values[i], sum[0]);
    }
    team_sum(sum, shared, 0);
    float r = 1.0f / sqrtf(sum[0] / channels + epsilon);
    if (inverse_rms != nullptr && threadIdx.x == 0) inverse_rms[row] = r;
    for (int slot = 0; slot < slot_count(channels); slot++)
    {
        unpack_elements(values, read_elements(input + row * input_stride, slot_column(slot), channels));
        unpack_elements(weights, read_elements(weight, slot_column(slot), channels));
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++) values[i] = weights[i] * (values[i] * r);
        write_elements(output + row * output_stride, slot_column(slot), channels, values);
    }
}

/// The same for such rows: read twice, and the part's sums grow in memory, each touched by one thread only.
KERNEL_BOUNDS(BLOCK_THREADS, 1)
rmsnorm_backward(storage_t* d_input, long long d_input_stride, float* partials, const storage_t* d_output, long long d_output_stride, const storage_t* input, long long input_stride,
                 const storage_t* weight, const float* inverse_rms, int rows, int channels, int accumulate)
{
    SHARED(float, shared, TEAM_SUM_FLOATS);
    int first = first_row_of_part(blockIdx.x, gridDim.x, rows);
    int end = first_row_of_part(blockIdx.x + 1, gridDim.x, rows);
    float* d_weight = partials == nullptr ? nullptr : partials + static_cast<long long>(blockIdx.x) * channels;
    float x[STORAGE_VECTOR], g[STORAGE_VECTOR], weights[STORAGE_VECTOR], added[STORAGE_VECTOR];
    for (int row = first; row < end; row++)
    {
        storage_t* result = d_input + row * d_input_stride;
        float r = inverse_rms[row];
        float sum[1] = {0.0f};
        for (int slot = 0; slot < slot_count(channels); slot++)
        {
            int column = slot_column(slot);
            unpack_elements(x, read_elements(input + row * input_stride, column, channels));
            unpack_elements(g, read_elements(d_output + row * d_output_stride, column, channels));
            unpack_elements(weights, read_elements(weight, column, channels));
#pragma unroll
            for (int i = 0; i < STORAGE_VECTOR; i++)
            {
                if (d_weight != nullptr && column + i < channels) d_weight[column + i] = fmaf(g[i], x[i] * r, row == first ? 0.0f : d_weight[column + i]);
                sum[0] = fmaf(g[i] * weights[i], x[i], sum[0]);
            }
        }
        team_sum(sum, shared, row - first);
        float slope = r * r * r * (sum[0] / channels);
        for (int slot = 0; slot < slot_count(channels); slot++)
        {
            int column = slot_column(slot);
            unpack_elements(x, read_elements(input + row * input_stride, column, channels));
            unpack_elements(g, read_elements(d_output + row * d_output_stride, column, channels));
            unpack_elements(weights, read_elements(weight, column, channels));
            unpack_elements(added, read_elements(result, column, accumulate ? channels : 0));
#pragma unroll
            for (int i = 0; i < STORAGE_VECTOR; i++)
            {
                g[i] = fmaf(-x[i], slope, g[i] * weights[i] * r);
                if (accumulate) g[i] = added[i] + g[i];
            }
            write_elements(result, column, channels, g);
        }
    }
}

#endif
