// Token embeddings with visual tokens spliced in, and the gradients of both.
//
// Forward:  output[n] = visual[visualRows[n]] where that is not negative, else table[ids[n]]                  (overwrites)
// Backward: dTable[ids[n]] += dOutput[n] for the text rows, in the order of n                                 (accumulates, float)
//           dVisual[visualRows[n]] = dOutput[n] for the visual rows                                           (overwrites the named rows)
// Shapes:   output, dOutput [N, C], table [V, C], visual, dVisual [M, C]: storage; dTable [V, C]: float; ids, visualRows [N]: int.
//
// Bound by bytes. Forward 2 N C elements; backward N C elements read and, for U distinct ids, 2 U C floats of the table read and written.
// The order of the sums is that of the tokens, whatever the number of blocks: no floating-point atomics. The rows of one id must be known in their order for that, so the pairs (id, n) are sorted:
//   embedding_sort    tiles of 2048 pairs, each by one block in shared memory (66 steps of a bitonic network: N log^2 of the tile)
//   embedding_merge   with more than one tile: every pair counts by bisection how many pairs of the other tiles come before it (8 tiles and 88 reads from L2 at N = 16,384)
//   embedding_sum     the first pair of an id walks along the pairs of that id and adds their rows, eight of them in flight
// A pair is one 64-bit key, so no two are equal and a stable sort is not needed.
// Bad data: an id outside the table and a visual row outside the visual embeddings are reported in `faults`; forward such a row becomes zero, backward it adds nothing.
// Not yet measured on a GPU. Where to read first: embedding_sum.
#include "rows.cuh"

/// What is reported in `faults`.
constexpr int FAULT_ID = 1;
constexpr int FAULT_VISUAL_ROW = 2;

constexpr int TILE = 2048;
constexpr int PLACES = 4;
constexpr int IN_FLIGHT = 8;

/// The upper half of the keys of rows that send nothing to the table: they sort behind all ids.
constexpr unsigned NO_ID = 0xffffffffu;

KERNEL(128) embedding_forward(storage_t* __restrict__ output, long long output_stride, const storage_t* __restrict__ table, long long table_stride, const int* __restrict__ ids,
    const storage_t* __restrict__ visual, long long visual_stride, const int* __restrict__ visual_rows, int columns, int vocabulary, int visual_count, int* faults)
{
    long long n = blockIdx.x;
    int visual_row = visual_rows[n];
    int id = ids[n];
    const storage_t* source = nullptr;
    int fault = 0;
    if (visual_row >= 0)
    {
        if (visual_row < visual_count) source = visual + visual_row * visual_stride;
        else fault = FAULT_VISUAL_ROW;
    }
    else
    {
        if (id >= 0 && id < vocabulary) source = table + id * table_stride;
        else fault = FAULT_ID;
    }
    if (source != nullptr)
    {
        copy_row(output + n * output_stride, source, columns);
        return;
    }
    clear_row(output + n * output_stride, columns);
    if (threadIdx.x == 0) atomicMax(faults, fault);
}

KERNEL(128) embedding_backward_visual(storage_t* __restrict__ d_visual, long long d_visual_stride, const storage_t* __restrict__ d_output, long long d_output_stride,
    const int* __restrict__ visual_rows, int columns, int visual_count, int* faults)
{
    long long n = blockIdx.x;
    int visual_row = visual_rows[n];
    if (visual_row < 0) return;
    if (visual_row >= visual_count)
    {
        if (threadIdx.x == 0) atomicMax(faults, FAULT_VISUAL_ROW);
        return;
    }
    copy_row(d_visual + visual_row * d_visual_stride, d_output + n * d_output_stride, columns);
}

DEVICE unsigned id_of(unsigned long long key) { return static_cast<unsigned>(key >> 32); }
DEVICE unsigned row_of(unsigned long long key) { return static_cast<unsigned>(key); }

/// One tile of the pairs (id, n), sorted: by id, then by n.
KERNEL(1024) embedding_sort(unsigned long long* __restrict__ sorted, const int* __restrict__ ids, const int* __restrict__ visual_rows, int rows, int vocabulary, int* faults)
{
    SHARED(unsigned long long, keys, TILE);
    int start = static_cast<int>(blockIdx.x) * TILE;
    int count = rows - start < TILE ? rows - start : TILE;
    int thread = static_cast<int>(threadIdx.x);
    for (int i = thread; i < TILE; i += static_cast<int>(blockDim.x))
    {
        unsigned id = NO_ID;
        if (i < count && visual_rows[start + i] < 0)
        {
            int found = ids[start + i];
            if (found >= 0 && found < vocabulary) id = static_cast<unsigned>(found);
            else atomicMax(faults, FAULT_ID);
        }
        keys[i] = static_cast<unsigned long long>(id) << 32 | static_cast<unsigned>(start + i);
    }
    for (int size = 2; size <= TILE; size *= 2)
    {
        for (int distance = size / 2; distance > 0; distance /= 2)
        {
            __syncthreads();
            int low = 2 * thread - (thread & (distance - 1));
            int high = low + distance;
            unsigned long long first = keys[low];
            unsigned long long second = keys[high];
            bool ascending = (low & size) == 0;
            if ((first > second) == ascending)
            {
                keys[low] = second;
                keys[high] = first;
            }
        }
    }
    __syncthreads();
    for (int i = thread; i < count; i += static_cast<int>(blockDim.x)) sorted[start + i] = keys[i];
}

/// The place of every pair among all: its place in its own tile and the number of smaller pairs in each of the others.
KERNEL(256) embedding_merge(unsigned long long* __restrict__ ordered, const unsigned long long* __restrict__ sorted, int rows)
{
    int index = static_cast<int>(blockIdx.x) * 256 + static_cast<int>(threadIdx.x);
    if (index >= rows) return;
    unsigned long long key = sorted[index];
    int place = index % TILE;
    for (int start = 0; start < rows; start += TILE)
    {
        if (start == index - index % TILE) continue;
        int low = start;
        int high = rows - start < TILE ? rows : start + TILE;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (sorted[middle] < key) low = middle + 1;
            else high = middle;
        }
        place += low - start;
    }
    ordered[place] = key;
}

/// dTable[id] += the rows of dOutput that have this id, in their order: one block for STORAGE_VECTOR * 128 columns of the ids that begin in PLACES places.
KERNEL(128) embedding_sum(float* __restrict__ d_table, long long d_table_stride, const storage_t* __restrict__ d_output, long long d_output_stride,
    const unsigned long long* __restrict__ ordered, int rows, int columns)
{
    int column = static_cast<int>(blockIdx.y * 128 + threadIdx.x) * STORAGE_VECTOR;
    int count = columns - column < STORAGE_VECTOR ? columns - column : STORAGE_VECTOR;
    if (count <= 0) return;
    bool vectors = count == STORAGE_VECTOR && is_aligned(d_output + column) && is_aligned(d_output + column + d_output_stride);
    int begin = static_cast<int>(blockIdx.x) * PLACES;
    for (int place = begin; place < begin + PLACES && place < rows; place++)
    {
        unsigned id = id_of(ordered[place]);
        if (id == NO_ID) return;
        if (place > 0 && id_of(ordered[place - 1]) == id) continue;
        float* target = d_table + id * d_table_stride + column;
        float sums[STORAGE_VECTOR];
        load_columns(sums, target, count);
        int next = place;
        bool more = true;
        while (more)
        {
            unsigned long long keys[IN_FLIGHT];
#pragma unroll
            for (int i = 0; i < IN_FLIGHT; i++) keys[i] = next + i < rows ? ordered[next + i] : ~0ull;
            if (vectors)
            {
                Vector16 parts[IN_FLIGHT];
#pragma unroll
                for (int i = 0; i < IN_FLIGHT; i++)
                {
                    if (id_of(keys[i]) == id) parts[i] = load_vector(d_output + row_of(keys[i]) * d_output_stride + column);
                }
#pragma unroll
                for (int i = 0; i < IN_FLIGHT; i++)
                {
                    if (id_of(keys[i]) == id)
                    {
                        float values[STORAGE_VECTOR];
                        unpack(values, parts[i], d_output);
                        add_columns(sums, values);
                    }
                }
            }
            else
            {
#pragma unroll
                for (int i = 0; i < IN_FLIGHT; i++)
                {
                    if (id_of(keys[i]) != id) break;
                    float values[STORAGE_VECTOR];
                    load_columns(values, d_output + row_of(keys[i]) * d_output_stride + column, count);
                    add_columns(sums, values);
                }
            }
            more = id_of(keys[IN_FLIGHT - 1]) == id;
            next += IN_FLIGHT;
        }
        store_columns(target, sums, count);
    }
}
