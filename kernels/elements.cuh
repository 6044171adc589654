// STORAGE_VECTOR adjacent elements of a row: read and written as 16 bytes where ALIGNED says that every row of every matrix begins at a multiple of 16 bytes and is whole vectors long, one by one
// elsewhere. The arithmetic does not know which way it was, so both give the same bits. They are two compilations, because element-wise access needs more registers than a vector should pay for;
// the host chooses (src/Sophia.Native.Cuda/Operations/Alignment.cs).
#pragma once

#include "portable.cuh"

#if !defined(ALIGNED)
#error "ALIGNED must be 1 (every row begins at a multiple of 16 bytes and is whole vectors long) or 0"
#endif

DEVICE unsigned raw_bits(float value) { return float_bits(value); }
DEVICE unsigned raw_bits(bfloat16 value) { return value.bits; }
DEVICE void write_raw(float* address, unsigned bits) { *address = bits_float(bits); }
DEVICE void write_raw(bfloat16* address, unsigned bits) { address->bits = static_cast<unsigned short>(bits); }

/// The elements [column, column + STORAGE_VECTOR) of a row, packed; zeros where the row has ended.
DEVICE Vector16 read_elements(const storage_t* row, int column, int channels)
{
    Vector16 v = {};
    if (ALIGNED)
    {
        if (column < channels) v = load_vector(row + column);
    }
    else
    {
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++)
            if (column + i < channels) v.words[i * STORAGE_BITS / 32] |= raw_bits(row[column + i]) << (i * STORAGE_BITS % 32);
    }
    return v;
}

/// Writes the elements [column, column + STORAGE_VECTOR) of a row as far as the row goes.
DEVICE void write_elements(storage_t* row, int column, int channels, const float (&values)[STORAGE_VECTOR])
{
    Vector16 v = pack(values, row);
    if (ALIGNED)
    {
        if (column < channels) store_vector(row + column, v);
    }
    else
    {
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++)
            if (column + i < channels) write_raw(row + column + i, v.words[i * STORAGE_BITS / 32] >> (i * STORAGE_BITS % 32));
    }
}

DEVICE void unpack_elements(float (&values)[STORAGE_VECTOR], Vector16 v) { unpack(values, v, static_cast<const storage_t*>(nullptr)); }

/// Whether element i of the vector at `column` belongs to the row; where ALIGNED a vector belongs to it whole or not at all.
DEVICE bool in_row(int column, int i, int channels) { return column + (ALIGNED ? 0 : i) < channels; }
