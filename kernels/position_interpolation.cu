// The vision encoder's position table on another grid, bicubic (Keys' kernel with a = -0.75, no antialias, align_corners = false, borders clamped), and its transpose.
//
// Forward:  output[0] = positions[0]; output[1 + y w + x] = sum over 16 taps of weight * positions[row]        (overwrites)
// Backward: dPositions[0] += dOutput[0]; dPositions[row] += weight * dOutput[1 + y w + x] for all taps at this row, output rows in order, then taps in order     (accumulates)
// Shapes:   positions [1 + G * G, C], output [1 + h * w, C]: storage; dPositions, dOutput: float. h x w is the new grid.
//
// The weights are computed in double and rounded once, operation for operation as src/Sophia.Native/Cpu/CpuBackend.PositionInterpolation.cs does; sums are one chain of fused multiply-adds.
// Both directions gather: backward, a block owns a row of the table and finds the rectangle of output rows that read it by bisection (the place of a tap never decreases with the output row).
// Bound by operations: 32 per element; a table has a few MB and this runs once a step, so rows are read one element per thread.
// Not yet measured on a GPU. Where to read first: tap_weight.
#include "portable.cuh"

constexpr int TAPS = 16;

/// Output rows whose taps are found at once.
constexpr int POINTS = 16;

/// Keys' cubic kernel.
DEVICE double cubic(double distance)
{
    const double a = -0.75;
    double d = distance < 0.0 ? -distance : distance;
    return d <= 1.0 ? ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0 : ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
}

/// Where in the table an output coordinate lies.
DEVICE double source_of(int output, int output_size, int grid) { return (output + 0.5) * grid / output_size - 0.5; }

/// The coordinate in the table of tap 0 of an output coordinate, before clamping; at least -2.
DEVICE int first_tap(int output, int output_size, int grid)
{
    double source = source_of(output, output_size, grid);
    int whole = static_cast<int>(source);
    return (whole > source ? whole - 1 : whole) - 1;
}

DEVICE int clamp(int value, int maximum) { return value < 0 ? 0 : value > maximum ? maximum : value; }

/// The weight of tap (i, j) of the output point (y, x).
DEVICE float tap_weight(int y, int x, int height, int width, int grid, int i, int j)
{
    double dy = source_of(y, height, grid) - (first_tap(y, height, grid) + i);
    double dx = source_of(x, width, grid) - (first_tap(x, width, grid) + j);
    return static_cast<float>(cubic(dy) * cubic(dx));
}

/// One block: one row of the output.
KERNEL(128) position_interpolation_forward(storage_t* __restrict__ output, long long output_stride, const storage_t* __restrict__ positions, long long positions_stride,
    int columns, int grid, int grid_height, int grid_width)
{
    SHARED(float, weights, TAPS);
    SHARED(int, rows, TAPS);
    int thread = static_cast<int>(threadIdx.x);
    int point = static_cast<int>(blockIdx.x) - 1;
    if (point >= 0 && thread < TAPS)
    {
        int y = point / grid_width;
        int x = point % grid_width;
        int i = thread / 4;
        int j = thread % 4;
        weights[thread] = tap_weight(y, x, grid_height, grid_width, grid, i, j);
        rows[thread] = 1 + clamp(first_tap(y, grid_height, grid) + i, grid - 1) * grid + clamp(first_tap(x, grid_width, grid) + j, grid - 1);
    }
    __syncthreads();
    for (int column = thread; column < columns; column += 128)
    {
        if (point < 0)
        {
            output[column] = positions[column];
            continue;
        }
        float sum = 0.0f;
#pragma unroll
        for (int tap = 0; tap < TAPS; tap++) sum = fmaf(weights[tap], load(positions + rows[tap] * positions_stride + column), sum);
        store(output + (1LL + point) * output_stride + column, sum);
    }
}

/// The first output coordinate whose tap 0 lies at `place` or behind; output_size if there is none.
DEVICE int first_output(int place, int output_size, int grid)
{
    int low = 0;
    int high = output_size;
    while (low < high)
    {
        int middle = (low + high) / 2;
        if (first_tap(middle, output_size, grid) < place) low = middle + 1;
        else high = middle;
    }
    return low;
}

/// One block: 256 columns of one row of the table.
KERNEL(256) position_interpolation_backward(float* __restrict__ d_positions, long long d_positions_stride, const float* __restrict__ d_output, long long d_output_stride,
    int columns, int grid, int grid_height, int grid_width)
{
    SHARED(float, weights, POINTS * TAPS);
    SHARED(int, rows, POINTS * TAPS);
    int thread = static_cast<int>(threadIdx.x);
    int column = static_cast<int>(blockIdx.y) * 256 + thread;
    int place = static_cast<int>(blockIdx.x) - 1;
    float* target = d_positions + blockIdx.x * d_positions_stride + column;
    if (place < 0)
    {
        if (column < columns) *target += d_output[column];
        return;
    }
    int row = place / grid;
    int across = place % grid;
    // The taps of an output coordinate are first_tap to first_tap + 3; clamping brings those beyond a border to the border, where they are counted as well.
    int top = first_output(row - 3, grid_height, grid);
    int left = first_output(across - 3, grid_width, grid);
    int rectangle_height = (row == grid - 1 ? grid_height : first_output(row + 1, grid_height, grid)) - top;
    int rectangle_width = (across == grid - 1 ? grid_width : first_output(across + 1, grid_width, grid)) - left;
    int points = rectangle_height * rectangle_width;
    float sum = column < columns ? *target : 0.0f;
    for (int first = 0; first < points; first += POINTS)
    {
        int point = first + thread / TAPS;
        int found = -1;
        if (point < points)
        {
            int y = top + point / rectangle_width;
            int x = left + point % rectangle_width;
            int i = thread % TAPS / 4;
            int j = thread % 4;
            if (clamp(first_tap(y, grid_height, grid) + i, grid - 1) == row && clamp(first_tap(x, grid_width, grid) + j, grid - 1) == across)
            {
                found = 1 + y * grid_width + x;
                weights[thread] = tap_weight(y, x, grid_height, grid_width, grid, i, j);
            }
        }
        rows[thread] = found;
        __syncthreads();
        if (column < columns)
        {
            for (int tap = 0; tap < POINTS * TAPS; tap++)
            {
                if (rows[tap] >= 0) sum = fmaf(weights[tap], d_output[rows[tap] * d_output_stride + column], sum);
            }
        }
        __syncthreads();
    }
    if (column < columns) *target = sum;
}
