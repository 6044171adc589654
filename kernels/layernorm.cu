// Layer norm of every row of [N, C].
//   forward   s = 1 / sqrt(variance(x) + epsilon), the variance about the mean and divided by C;  y = weight * ((x - mean(x)) * s) + bias
//   backward  with h = (x - mean) * s and g = dOutput * weight:  dInput (+)= s * (g - mean(g) - h * mean(g * h));  dWeight += sum of dOutput * h;  dBias += sum of dOutput
// output, input, dInput, dOutput [N, C], weight and bias [C] in storage; mean and inverse_deviation [N], dWeight and dBias [C] in float. output may be input; dInput may be dOutput when it is
// overwritten. dInput is overwritten or added to as `accumulate` says, dWeight and dBias are added to (column_sums.cuh), the rest is overwritten; the forward pass's mean and inverse_deviation,
// dWeight and dBias may be absent.
// Bound by bytes: 2*N*C elements forward, 3*N*C backward (4 when accumulating), each touched once; besides, backward writes and reads 2*C floats of partial sums for each of at most 264 parts.
// Share of that bound: not yet measured on a GPU.
// Where to read first: rmsnorm.cu, the same without a mean.
#include "row_team.cuh"
#include "column_sums.cuh"

#if VECTORS_PER_THREAD > 0

/// One row a team; as many blocks of BLOCK_THREADS as hold all rows.
KERNEL(BLOCK_THREADS)
layernorm_forward(storage_t* output, long long output_stride, float* mean, float* inverse_deviation, const storage_t* input, long long input_stride, const storage_t* weight, const storage_t* bias,
                  int rows, int channels, float epsilon)
{
    SHARED(float, shared, TEAM_SUM_FLOATS);
    int row = blockIdx.x * TEAMS_PER_BLOCK + team();
    int columns = row < rows ? channels : 0;
    Vector16 x[VECTORS_PER_THREAD], w[VECTORS_PER_THREAD], b[VECTORS_PER_THREAD];
#pragma unroll
    for (int slot = 0; slot < VECTORS_PER_THREAD; slot++) x[slot] = read_elements(input + row * input_stride, slot_column(slot), columns);
#pragma unroll
    for (int slot = 0; slot < VECTORS_PER_THREAD; slot++)
    {
        w[slot] = read_elements(weight, slot_column(slot), columns);
        b[slot] = read_elements(bias, slot_column(slot), columns);
    }

    float sum[1] = {0.0f};
#pragma unroll
    for (int slot = 0; slot < VECTORS_PER_THREAD; slot++)
    {
        float values[STORAGE_VECTOR];
        unpack_elements(values, x[slot]);
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++) sum[0] += values[i];
    }
    team_sum(sum, shared, 0);
    float center = sum[0] / channels;
    sum[0] = 0.0f;
#pragma unroll
    for (int slot = 0; slot < VECTORS_PER_THREAD; slot++)
    {
        float values[STORAGE_VECTOR];
        unpack_elements(values, x[slot]);
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++)
        {
            float deviation = in_row(slot_column(slot), i, channels) ? values[i] - center : 0.0f;
            sum[0] = fmaf(deviation, deviation, sum[0]);
        }
    }
    team_sum(sum, shared, 1);
    float s = 1.0f / sqrtf(sum[0] / channels + epsilon);
    if (row < rows && threadIdx.x % THREADS_PER_ROW == 0)
    {
        if (mean != nullptr) mean[row] = center;
        if (inverse_deviation != nullptr) inverse_deviation[row] = s;
    }
#pragma unroll
    for (int slot = 0; slot < VECTORS_PER_THREAD; slot++)
    {
        float values[STORAGE_VECTOR], weights[STORAGE_VECTOR], biases[STORAGE_VECTOR];
        unpack_elements(values, x[slot]);
        unpack_elements(weights, w[slot]);
        unpack_elements(biases, b[slot]);
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++) values[i] = fmaf(weights[i], (values[i] - center) * s, biases[i]);
        write_elements(output + row * output_stride, slot_column(slot), columns, values);
    }
}

/// One block a part of the rows; weight_partials and bias_partials [parts, C] take the part's sums, or are null. The next row is on its way while a row is worked on, and the sums stay in registers
/// (the weight does not: there is no room for it, and it comes from the first-level cache).
KERNEL_BOUNDS(BLOCK_THREADS, BACKWARD_BLOCKS)
layernorm_backward(storage_t* d_input, long long d_input_stride, float* weight_partials, float* bias_partials, const storage_t* d_output, long long d_output_stride, const storage_t* input,
                   long long input_stride, const storage_t* weight, const float* mean, const float* inverse_deviation, int rows, int channels, int accumulate)
{
    SHARED(float, shared, 2 * TEAM_SUM_FLOATS);
    SHARED(float, shared_columns, COLUMN_FLOATS);
    int first = first_row_of_part(blockIdx.x, gridDim.x, rows);
    int end = first_row_of_part(blockIdx.x + 1, gridDim.x, rows);
    Vector16 next_x[VECTORS_PER_THREAD], next_gradient[VECTORS_PER_THREAD];
    float next_mean = 0.0f, next_s = 0.0f;
    float d_weight[VECTORS_PER_THREAD][STORAGE_VECTOR] = {}, d_bias[VECTORS_PER_THREAD][STORAGE_VECTOR] = {};
    auto fetch = [&](int row)
    {
        int columns = row < end ? channels : 0;
#pragma unroll
        for (int slot = 0; slot < VECTORS_PER_THREAD; slot++)
        {
            next_x[slot] = read_elements(input + row * input_stride, slot_column(slot), columns);
            next_gradient[slot] = read_elements(d_output + row * d_output_stride, slot_column(slot), columns);
        }
        if (row >= end) return;
        next_mean = mean[row];
        next_s = inverse_deviation[row];
    };
    if (READ_AHEAD) fetch(first + team());
    int turn = 0;
    for (int base = first; base < end; base += TEAMS_PER_BLOCK, turn++)
    {
        int row = base + team();
        if (!READ_AHEAD) fetch(row);
        int columns = row < end ? channels : 0;
        storage_t* result = d_input + row * d_input_stride;
        float s = next_s, center = next_mean;
        Vector16 before[VECTORS_PER_THREAD];
        float h[VECTORS_PER_THREAD][STORAGE_VECTOR], g[VECTORS_PER_THREAD][STORAGE_VECTOR];
        float sums[2] = {0.0f, 0.0f};
#pragma unroll
        for (int slot = 0; slot < VECTORS_PER_THREAD; slot++)
        {
            float weights[STORAGE_VECTOR];
            before[slot] = read_elements(result, slot_column(slot), accumulate ? columns : 0);
            unpack_elements(h[slot], next_x[slot]);
            unpack_elements(g[slot], next_gradient[slot]);
            unpack_elements(weights, read_elements(weight, slot_column(slot), channels));
#pragma unroll
            for (int i = 0; i < STORAGE_VECTOR; i++)
            {
                h[slot][i] = (h[slot][i] - center) * s;
                d_weight[slot][i] = fmaf(g[slot][i], h[slot][i], d_weight[slot][i]);
                d_bias[slot][i] += g[slot][i];
                g[slot][i] *= weights[i];
                sums[0] += g[slot][i];
                sums[1] = fmaf(g[slot][i], h[slot][i], sums[1]);
            }
        }
        if (READ_AHEAD) fetch(row + TEAMS_PER_BLOCK);
        team_sum(sums, shared, turn);
        float mean_gradient = sums[0] / channels, mean_product = sums[1] / channels;
#pragma unroll
        for (int slot = 0; slot < VECTORS_PER_THREAD; slot++)
        {
            float added[STORAGE_VECTOR];
            unpack_elements(added, before[slot]);
#pragma unroll
            for (int i = 0; i < STORAGE_VECTOR; i++)
            {
                g[slot][i] = s * fmaf(-h[slot][i], mean_product, g[slot][i] - mean_gradient);
                if (accumulate) g[slot][i] = added[i] + g[slot][i];
            }
            write_elements(result, slot_column(slot), columns, g[slot]);
        }
    }
    if (weight_partials != nullptr) write_columns(weight_partials + static_cast<long long>(blockIdx.x) * channels, channels, d_weight, shared_columns);
    if (bias_partials != nullptr) write_columns(bias_partials + static_cast<long long>(blockIdx.x) * channels, channels, d_bias, shared_columns);
}

#else

/// A row that does not fit into registers: it is read three times. One block a row.
KERNEL_BOUNDS(BLOCK_THREADS, 1)
layernorm_forward(storage_t* output, long long output_stride, float* mean, float* inverse_deviation, const storage_t* input, long long input_stride, const storage_t* weight, const storage_t* bias,
                  int rows, int channels, float epsilon)
{
    SHARED(float, shared, TEAM_SUM_FLOATS);
    int row = blockIdx.x;
    float values[STORAGE_VECTOR], weights[STORAGE_VECTOR], biases[STORAGE_VECTOR];
    float sum[1] = {0.0f};
    for (int slot = 0; slot < slot_count(channels); slot++)
    {
        unpack_elements(values, read_elements(input + row * input_stride, slot_column(slot), channels));
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++) sum[0] += values[i];
    }
    team_sum(sum, shared, 0);
    float center = sum[0] / channels;
    sum[0] = 0.0f;
    for (int slot = 0; slot < slot_count(channels); slot++)
    {
        unpack_elements(values, read_elements(input + row * input_stride, slot_column(slot), channels));
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++)
        {
            float deviation = in_row(slot_column(slot), i, channels) ? values[i] - center : 0.0f;
            sum[0] = fmaf(deviation, deviation, sum[0]);
        }
    }
    team_sum(sum, shared, 1);
    float s = 1.0f / sqrtf(sum[0] / channels + epsilon);
    if (mean != nullptr && threadIdx.x == 0) mean[row] = center;
    if (inverse_deviation != nullptr && threadIdx.x == 0) inverse_deviation[row] = s;
    for (int slot = 0; slot < slot_count(channels); slot++)
    {
        unpack_elements(values, read_elements(input + row * input_stride, slot_column(slot), channels));
        unpack_elements(weights, read_elements(weight, slot_column(slot), channels));
        unpack_elements(biases, read_elements(bias, slot_column(slot), channels));
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++) values[i] = fmaf(weights[i], (values[i] - center) * s, biases[i]);
        write_elements(output + row * output_stride, slot_column(slot), channels, values);
    }
}

/// The same for such rows: read twice, and the part's sums grow in memory, each touched by one thread only.
KERNEL_BOUNDS(BLOCK_THREADS, 1)
layernorm_backward(storage_t* d_input, long long d_input_stride, float* weight_partials, float* bias_partials, const storage_t* d_output, long long d_output_stride, const storage_t* input,
                   long long input_stride, const storage_t* weight, const float* mean, const float* inverse_deviation, int rows, int channels, int accumulate)
{
    SHARED(float, shared, 2 * TEAM_SUM_FLOATS);
    int first = first_row_of_part(blockIdx.x, gridDim.x, rows);
    int end = first_row_of_part(blockIdx.x + 1, gridDim.x, rows);
    long long part = static_cast<long long>(blockIdx.x) * channels;
    float h[STORAGE_VECTOR], g[STORAGE_VECTOR], weights[STORAGE_VECTOR], added[STORAGE_VECTOR];
    for (int row = first; row < end; row++)
    {
        storage_t* result = d_input + row * d_input_stride;
        float s = inverse_deviation[row], center = mean[row];
        float sums[2] = {0.0f, 0.0f};
        for (int slot = 0; slot < slot_count(channels); slot++)
        {
            int column = slot_column(slot);
            unpack_elements(h, read_elements(input + row * input_stride, column, channels));
            unpack_elements(g, read_elements(d_output + row * d_output_stride, column, channels));
            unpack_elements(weights, read_elements(weight, column, channels));
#pragma unroll
            for (int i = 0; i < STORAGE_VECTOR; i++)
            {
                h[i] = (h[i] - center) * s;
                if (weight_partials != nullptr && column + i < channels)
                    weight_partials[part + column + i] = fmaf(g[i], h[i], row == first ? 0.0f : weight_partials[part + column + i]);
                if (bias_partials != nullptr && column + i < channels) bias_partials[part + column + i] = (row == first ? 0.0f : bias_partials[part + column + i]) + g[i];
                g[i] *= weights[i];
                sums[0] += g[i];
                sums[1] = fmaf(g[i], h[i], sums[1]);
            }
        }
        team_sum(sums, shared, row - first);
        float mean_gradient = sums[0] / channels, mean_product = sums[1] / channels;
        for (int slot = 0; slot < slot_count(channels); slot++)
        {
            int column = slot_column(slot);
            unpack_elements(h, read_elements(input + row * input_stride, column, channels));
            unpack_elements(g, read_elements(d_output + row * d_output_stride, column, channels));
            unpack_elements(weights, read_elements(weight, column, channels));
            unpack_elements(added, read_elements(result, column, accumulate ? channels : 0));
#pragma unroll
            for (int i = 0; i < STORAGE_VECTOR; i++)
            {
                g[i] = s * fmaf(-((h[i] - center) * s), mean_product, g[i] * weights[i] - mean_gradient);
                if (accumulate) g[i] = added[i] + g[i];
            }
            write_elements(result, column, channels, g);
        }
    }
}

#endif
