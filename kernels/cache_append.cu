// New keys and values go to their rows of the key-value cache.
//
// keyCache[rows[n]] = key[n], valueCache[rows[n]] = value[n]                                                  (overwrites the named rows)
// Shapes: keyCache, valueCache [M, K * D], key, value [N, K * D]: storage; rows [N]: int, all different, each below M.
//
// Bound by bytes: 4 N K D elements. While decoding a row is a few hundred bytes and the launch is the cost.
// Bad data: a row outside the cache is reported in `faults` and not written. Not yet measured on a GPU. Where to read first: copy_row in rows.cuh.
#include "rows.cuh"

/// What is reported in `faults`.
constexpr int FAULT_ROW = 2;

/// One block for a row of the keys (y = 0) or of the values (y = 1).
KERNEL(128) cache_append(storage_t* __restrict__ key_cache, long long key_cache_stride, storage_t* __restrict__ value_cache, long long value_cache_stride,
    const storage_t* __restrict__ key, long long key_stride, const storage_t* __restrict__ value, long long value_stride, const int* __restrict__ rows, int cache_rows, int columns, int* faults)
{
    long long n = blockIdx.x;
    int row = rows[n];
    if (row < 0 || row >= cache_rows)
    {
        if (threadIdx.x == 0) atomicMax(faults, FAULT_ROW);
        return;
    }
    if (blockIdx.y == 0) copy_row(key_cache + row * key_cache_stride, key + n * key_stride, columns);
    else copy_row(value_cache + row * value_cache_stride, value + n * value_stride, columns);
}
