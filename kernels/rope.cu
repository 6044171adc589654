// Rotary position embedding in place, rotate-half form: of every head x and its position p, with h = D/2 and i below h,
//   x[i], x[i + h] = x[i] * cos - x[i + h] * sin, x[i + h] * cos + x[i] * sin,  cos = table[p, i], sin = table[p, h + i];  `inverse` turns the other way (the backward pass).
// values [N, heads * D] in storage, any row stride, rotated in place; table [positions, D] in float; row_positions [N] int.
// Bound by bytes: every value is read and written once, 2*N*heads*D elements; a thread reads a piece of the table once for up to HEADS_PER_THREAD heads, and other threads find it in the caches.
// Share of that bound: not yet measured on a GPU.
// A position outside the table is a fault: the row stays as it is.
// Where to read first: rotate.
#include "elements.cuh"

constexpr int HEADS_PER_THREAD = 4;
constexpr int FAULT_POSITION = 3;

/// The cosines or sines of STORAGE_VECTOR columns.
DEVICE void read_table(float (&values)[STORAGE_VECTOR], const float* row, int column, int half)
{
#if ALIGNED
#pragma unroll
    for (int part = 0; part < STORAGE_VECTOR / 4; part++)
    {
        Vector16 v = load_vector(row + column + 4 * part);
#pragma unroll
        for (int i = 0; i < 4; i++) values[4 * part + i] = bits_float(v.words[i]);
    }
#else
#pragma unroll
    for (int i = 0; i < STORAGE_VECTOR; i++) values[i] = column + i < half ? row[column + i] : 0.0f;
#endif
}

/// The same columns of the heads first_head, first_head + head_step, ... of one row.
DEVICE void rotate(storage_t* row, const float* angles, int column, int half, int first_head, int head_step, int heads, int inverse)
{
    Vector16 lower[HEADS_PER_THREAD], upper[HEADS_PER_THREAD];
#pragma unroll
    for (int h = 0; h < HEADS_PER_THREAD; h++)
    {
        int head = first_head + h * head_step;
        storage_t* values = row + static_cast<long long>(head) * 2 * half;
        lower[h] = read_elements(values, column, head < heads ? half : 0);
        upper[h] = read_elements(values + half, column, head < heads ? half : 0);
    }
    float cosine[STORAGE_VECTOR], sine[STORAGE_VECTOR];
    read_table(cosine, angles, column, half);
    read_table(sine, angles + half, column, half);
    if (inverse)
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++) sine[i] = -sine[i];
#pragma unroll
    for (int h = 0; h < HEADS_PER_THREAD; h++)
    {
        int head = first_head + h * head_step;
        storage_t* values = row + static_cast<long long>(head) * 2 * half;
        float a[STORAGE_VECTOR], b[STORAGE_VECTOR];
        unpack_elements(a, lower[h]);
        unpack_elements(b, upper[h]);
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++)
        {
            float x = a[i];
            a[i] = fmaf(-b[i], sine[i], x * cosine[i]);
            b[i] = fmaf(x, sine[i], b[i] * cosine[i]);
        }
        write_elements(values, column, head < heads ? half : 0, a);
        write_elements(values + half, column, head < heads ? half : 0, b);
    }
}

/// A block takes rows_per_block rows; neighboring threads take neighboring columns, then neighboring heads, then rows.
KERNEL(256)
rope(storage_t* values, long long values_stride, const float* __restrict__ table, long long table_stride, const int* __restrict__ row_positions, int rows, int heads, int head_size, int positions,
     int inverse, int rows_per_block, int* faults)
{
    int half = head_size / 2;
    int vectors = (half + STORAGE_VECTOR - 1) / STORAGE_VECTOR;
    int head_step = (heads + HEADS_PER_THREAD - 1) / HEADS_PER_THREAD;
    int items = vectors * head_step;
    for (int item = threadIdx.x; item < rows_per_block * items; item += blockDim.x)
    {
        int line = item / items;
        int rest = item - line * items;
        int first_head = rest / vectors;
        int column = (rest - first_head * vectors) * STORAGE_VECTOR;
        long long row = static_cast<long long>(blockIdx.x) * rows_per_block + line;
        if (row >= rows) return;
        int position = row_positions[row];
        if (position < 0 || position >= positions)
        {
            if (rest == 0) atomicMax(faults, FAULT_POSITION);
            continue;
        }
        rotate(values + row * values_stride, table + position * table_stride, column, half, first_head, head_step, heads, inverse);
    }
}
