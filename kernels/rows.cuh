// Rows of matrices as the kernels that mostly move data see them: 16 bytes at a time where the address of a row allows it, one element at a time otherwise, with the same bits.
// A row decides for itself (a block works on one row, so the decision is the same for all its threads); a column range of a wider matrix may begin at any element.
#pragma once

#include "portable.cuh"

DEVICE bool is_aligned(const void* pointer) { return (reinterpret_cast<unsigned long long>(pointer) & 15) == 0; }

/// The first `count` (1 to STORAGE_VECTOR) elements at a place in a row; zero beyond.
DEVICE void load_columns(float (&values)[STORAGE_VECTOR], const storage_t* row, int count)
{
    if (count == STORAGE_VECTOR && is_aligned(row))
    {
        load_elements(values, row);
        return;
    }
#pragma unroll
    for (int i = 0; i < STORAGE_VECTOR; i++) values[i] = i < count ? load(row + i) : 0.0f;
}

DEVICE void store_columns(storage_t* row, const float (&values)[STORAGE_VECTOR], int count)
{
    if (count == STORAGE_VECTOR && is_aligned(row))
    {
        store_elements(row, values);
        return;
    }
#pragma unroll
    for (int i = 0; i < STORAGE_VECTOR; i++)
    {
        if (i < count) store(row + i, values[i]);
    }
}

#if STORAGE_BITS == 16
/// The same of a row of floats, whose 8 elements are two accesses.
DEVICE void load_columns(float (&values)[STORAGE_VECTOR], const float* row, int count)
{
    if (count == STORAGE_VECTOR && is_aligned(row))
    {
        Vector16 low = load_vector(row);
        Vector16 high = load_vector(row + 4);
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            values[i] = bits_float(low.words[i]);
            values[i + 4] = bits_float(high.words[i]);
        }
        return;
    }
#pragma unroll
    for (int i = 0; i < STORAGE_VECTOR; i++) values[i] = i < count ? row[i] : 0.0f;
}

DEVICE void store_columns(float* row, const float (&values)[STORAGE_VECTOR], int count)
{
    if (count == STORAGE_VECTOR && is_aligned(row))
    {
        Vector16 low, high;
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            low.words[i] = float_bits(values[i]);
            high.words[i] = float_bits(values[i + 4]);
        }
        store_vector(row, low);
        store_vector(row + 4, high);
        return;
    }
#pragma unroll
    for (int i = 0; i < STORAGE_VECTOR; i++)
    {
        if (i < count) row[i] = values[i];
    }
}
#endif

DEVICE void add_columns(float (&sums)[STORAGE_VECTOR], const float (&values)[STORAGE_VECTOR])
{
#pragma unroll
    for (int i = 0; i < STORAGE_VECTOR; i++) sums[i] += values[i];
}

/// Copies a row by all threads of the block, four accesses in flight.
DEVICE void copy_row(storage_t* output, const storage_t* input, int columns)
{
    const int in_flight = 4;
    int threads = static_cast<int>(blockDim.x);
    int vectors = is_aligned(output) && is_aligned(input) ? columns / STORAGE_VECTOR : 0;
    for (int first = static_cast<int>(threadIdx.x); first < vectors; first += in_flight * threads)
    {
        Vector16 parts[in_flight];
#pragma unroll
        for (int i = 0; i < in_flight; i++)
        {
            int vector = first + i * threads;
            if (vector < vectors) parts[i] = load_vector(input + static_cast<long long>(vector) * STORAGE_VECTOR);
        }
#pragma unroll
        for (int i = 0; i < in_flight; i++)
        {
            int vector = first + i * threads;
            if (vector < vectors) store_vector(output + static_cast<long long>(vector) * STORAGE_VECTOR, parts[i]);
        }
    }
    for (int column = vectors * STORAGE_VECTOR + static_cast<int>(threadIdx.x); column < columns; column += threads) output[column] = input[column];
}

/// Sets a row to zero by all threads of the block.
DEVICE void clear_row(storage_t* output, int columns)
{
    for (int column = static_cast<int>(threadIdx.x); column < columns; column += static_cast<int>(blockDim.x)) store(output + column, 0.0f);
}
