// One block's tile of a matrix product in single precision: result[R, S] (+)= first[R, K] * second[S, K]^T. The same names as in matrix_tile_bfloat16.cuh, so that kernels are written once.
//
// The law of bits: every element is the chain sum = 0 (or the old result); sum = fmaf(first[r, k], second[s, k], sum) for k = 0 .. K - 1, as on the CPU. Tiles, threads and alignment change no bit.
//
// A thread owns up to 8 x 8 elements and takes k in groups of 4: operands that lie with k adjacent are read as 4 values of k of one row, operands that lie transposed as 4 rows of one k, always 16 bytes.
// Rows of k in shared memory are 128 bytes long, their chunks exchanged by row / 4: the 8 threads of a shared-memory access own rows 4 apart and touch all 32 banks.
// Where to read first: multiply_tile.
#pragma once

#include "portable.cuh"

/// Elements in 16 bytes, and values of k taken at once.
constexpr int CHUNK = 4;

/// A matrix operand: its own index runs to `extent`, the index that is summed over to `depth`.
struct Operand
{
    const float* data;
    long long stride;
    int extent;
    int depth;
};

/// The shape of a block's tile: TILE_ROWS x TILE_COLUMNS elements of the result by THREADS_DOWN x THREADS_ACROSS threads.
template <int TILE_ROWS_, int TILE_COLUMNS_, int THREADS_DOWN_, int THREADS_ACROSS_, int STAGES_, bool VECTORS_>
struct TileShape
{
    static constexpr int ROWS = TILE_ROWS_;
    static constexpr int COLUMNS = TILE_COLUMNS_;
    static constexpr int THREADS_DOWN = THREADS_DOWN_;
    static constexpr int THREADS_ACROSS = THREADS_ACROSS_;
    static constexpr int THREADS = THREADS_DOWN * THREADS_ACROSS;

    /// Values of k of a stage: one row of 128 bytes.
    static constexpr int DEPTH = 32;
    static constexpr int STAGES = STAGES_;

    /// Whether rows of both operands begin at multiples of 16 bytes.
    static constexpr bool VECTORS = VECTORS_;

    /// Elements that a thread owns.
    static constexpr int OWN_ROWS = ROWS / THREADS_DOWN;
    static constexpr int OWN_COLUMNS = COLUMNS / THREADS_ACROSS;
    static constexpr int STAGE_ELEMENTS = (ROWS + COLUMNS) * DEPTH;
};

/// The rows (or columns) of a tile that thread t of THREADS owns: runs of up to four.
template <int OWN, int THREADS> DEVICE int owned(int t, int i)
{
    constexpr int RUN = OWN < CHUNK ? OWN : CHUNK;
    return RUN * t + RUN * THREADS * (i / RUN) + i % RUN;
}

/// One operand of a block: copies its stages, reads what a thread multiplies. FIRST: the rows of the result, else its columns.
template <class Shape, bool FIRST, bool TRANSPOSED>
struct OperandTile
{
    static constexpr int EXTENT = FIRST ? Shape::ROWS : Shape::COLUMNS;
    static constexpr int OWN = FIRST ? Shape::OWN_ROWS : Shape::OWN_COLUMNS;
    static constexpr int OWNERS = FIRST ? Shape::THREADS_DOWN : Shape::THREADS_ACROSS;
    static constexpr int ROWS = TRANSPOSED ? Shape::DEPTH : EXTENT;
    static constexpr int COLUMNS = TRANSPOSED ? EXTENT : Shape::DEPTH;
    static constexpr int CHUNKS = COLUMNS / CHUNK;
    static constexpr int ROWS_AT_ONCE = Shape::THREADS / CHUNKS;
    static constexpr int COPIES = ROWS / ROWS_AT_ONCE;
    static_assert(Shape::THREADS % CHUNKS == 0 && ROWS % ROWS_AT_ONCE == 0, "copies are shared out evenly");
    static_assert(!TRANSPOSED || OWN % CHUNK == 0, "a thread reads four of its own at once");

    // What this thread copies next, and how much of the matrix lies from there on.
    const float* source;
    long long stride;
    int rows_left;
    int columns_left;
    int target_row;
    int target_chunk;

    /// Which owner this thread is.
    int owner;

    DEVICE OperandTile(const Operand& operand, int origin)
    {
        int thread = static_cast<int>(threadIdx.x);
        target_row = thread / CHUNKS;
        target_chunk = thread % CHUNKS;
        int row = (TRANSPOSED ? 0 : origin) + target_row;
        int column = (TRANSPOSED ? origin : 0) + target_chunk * CHUNK;
        stride = operand.stride;
        source = operand.data + row * stride + column;
        rows_left = (TRANSPOSED ? operand.depth : operand.extent) - row;
        columns_left = (TRANSPOSED ? operand.extent : operand.depth) - column;
        owner = FIRST ? thread / Shape::THREADS_ACROSS : thread % Shape::THREADS_ACROSS;
    }

    /// The place of a chunk in a stage, in elements.
    static DEVICE int place(int row, int chunk) { return row * COLUMNS + (TRANSPOSED ? chunk : chunk ^ (row / 4 & 7)) * CHUNK; }

    /// Starts the copies of the next DEPTH values of k into the stage that begins at element `offset`.
    DEVICE void copy(float* stages, int offset)
    {
        const float* from = source;
        int count = columns_left < 0 ? 0 : columns_left > CHUNK ? CHUNK : columns_left;
#pragma unroll
        for (int i = 0; i < COPIES; i++)
        {
            float* to = stages + (offset + place(target_row + i * ROWS_AT_ONCE, target_chunk));
            int valid = i * ROWS_AT_ONCE < rows_left ? count : 0;
            if constexpr (Shape::VECTORS)
            {
                copy_async(to, from, 4 * valid);
            }
            else
            {
                Vector16 chunk;
#pragma unroll
                for (int word = 0; word < 4; word++) chunk.words[word] = word < valid ? float_bits(from[word]) : 0u;
                store_shared_vector(to, chunk);
            }
            from += ROWS_AT_ONCE * stride;
        }
        source += TRANSPOSED ? Shape::DEPTH * stride : Shape::DEPTH;
        if (TRANSPOSED) rows_left -= Shape::DEPTH;
        else columns_left -= Shape::DEPTH;
    }

    /// Reads four values of k of everything this thread owns.
    DEVICE void read(float (&values)[OWN][CHUNK], const float* stages, int offset, int group) const
    {
#pragma unroll
        for (int i = 0; i < (TRANSPOSED ? OWN / CHUNK : OWN); i++)
        {
            if constexpr (TRANSPOSED)
            {
#pragma unroll
                for (int k = 0; k < CHUNK; k++)
                {
                    Vector16 v = load_shared_vector(stages + (offset + place(group * CHUNK + k, owned<OWN, OWNERS>(owner, i * CHUNK) / CHUNK)));
#pragma unroll
                    for (int word = 0; word < CHUNK; word++) values[i * CHUNK + word][k] = bits_float(v.words[word]);
                }
            }
            else
            {
                Vector16 v = load_shared_vector(stages + (offset + place(owned<OWN, OWNERS>(owner, i), group)));
#pragma unroll
                for (int k = 0; k < CHUNK; k++) values[i][k] = bits_float(v.words[k]);
            }
        }
    }
};

/// The sums of a thread.
template <class Shape>
struct TileSums
{
    float values[Shape::OWN_ROWS][Shape::OWN_COLUMNS];

    DEVICE void clear()
    {
#pragma unroll
        for (int i = 0; i < Shape::OWN_ROWS; i++)
        {
#pragma unroll
            for (int j = 0; j < Shape::OWN_COLUMNS; j++) values[i][j] = 0.0f;
        }
    }

    DEVICE void multiply(const float (&first)[Shape::OWN_ROWS][CHUNK], const float (&second)[Shape::OWN_COLUMNS][CHUNK], int k)
    {
#pragma unroll
        for (int i = 0; i < Shape::OWN_ROWS; i++)
        {
#pragma unroll
            for (int j = 0; j < Shape::OWN_COLUMNS; j++) values[i][j] = fmaf(first[i][k], second[j][k], values[i][j]);
        }
    }
};

/// Starts the copies of the first STAGES - 1 stages. Between this and multiply_tile is the time to read what the sums start from.
template <class Shape, class First, class Second>
DEVICE void begin_tile(First& first, Second& second, float* stages, int depth)
{
#pragma unroll
    for (int stage = 0; stage < Shape::STAGES - 1; stage++)
    {
        if (stage * Shape::DEPTH < depth)
        {
            first.copy(stages, stage * Shape::STAGE_ELEMENTS);
            second.copy(stages, stage * Shape::STAGE_ELEMENTS + Shape::ROWS * Shape::DEPTH);
        }
        copy_async_commit();
    }
}

/// Adds the products of all k to the sums. `stages` holds Shape::STAGES * Shape::STAGE_ELEMENTS elements, of which begin_tile has filled or is filling the first.
template <class Shape, class First, class Second>
DEVICE void multiply_tile(TileSums<Shape>& sums, First& first, Second& second, float* stages, int depth)
{
    constexpr int SECOND = Shape::ROWS * Shape::DEPTH;
    constexpr int END = Shape::STAGES * Shape::STAGE_ELEMENTS;
    float first_values[Shape::OWN_ROWS][CHUNK];
    float second_values[Shape::OWN_COLUMNS][CHUNK];
    int present = 0;
    int free = (Shape::STAGES - 1) * Shape::STAGE_ELEMENTS;
    for (int k = 0; k < depth; k += Shape::DEPTH)
    {
        // Behind the barrier the present stage has arrived and the one before it has been used up.
        copy_async_wait<Shape::STAGES - 2>();
        __syncthreads();
        if (k + (Shape::STAGES - 1) * Shape::DEPTH < depth)
        {
            first.copy(stages, free);
            second.copy(stages, free + SECOND);
        }
        copy_async_commit();

        int left = depth - k;
        int groups = (left < Shape::DEPTH ? left : Shape::DEPTH) / CHUNK;
#pragma unroll 1
        for (int group = 0; group < groups; group++)
        {
            first.read(first_values, stages, present, group);
            second.read(second_values, stages, present + SECOND, group);
#pragma unroll
            for (int i = 0; i < CHUNK; i++) sums.multiply(first_values, second_values, i);
        }
        if (left < Shape::DEPTH && left % CHUNK != 0)
        {
            // No zeros are multiplied in the place of what is missing: they would turn a sum of -0 into +0.
            first.read(first_values, stages, present, groups);
            second.read(second_values, stages, present + SECOND, groups);
#pragma unroll
            for (int i = 0; i < CHUNK - 1; i++)
            {
                if (i < left % CHUNK) sums.multiply(first_values, second_values, i);
            }
        }
        free = present;
        present = present + Shape::STAGE_ELEMENTS == END ? 0 : present + Shape::STAGE_ELEMENTS;
    }
}

/// Where a thread's sums lie in the result.
template <class Shape, class output_t>
struct TileResult
{
    static constexpr int RUN = Shape::OWN_COLUMNS < CHUNK ? Shape::OWN_COLUMNS : CHUNK;
    output_t* data;
    long long stride;
    int rows_left;
    int columns_left;
    int down;
    int across;

    /// Whether rows begin at multiples of 16 bytes.
    bool aligned;

    /// The tile that begins at a row and a column of a matrix.
    DEVICE TileResult(output_t* matrix, long long matrix_stride, int rows, int columns, int row, int column)
    {
        stride = matrix_stride;
        data = matrix + row * stride + column;
        rows_left = rows - row;
        columns_left = columns - column;
        down = static_cast<int>(threadIdx.x) / Shape::THREADS_ACROSS;
        across = static_cast<int>(threadIdx.x) % Shape::THREADS_ACROSS;
        aligned = reinterpret_cast<unsigned long long>(matrix) % 16 == 0 && stride % CHUNK == 0;
    }

    DEVICE int row(int i) const { return owned<Shape::OWN_ROWS, Shape::THREADS_DOWN>(down, i); }
    DEVICE int column(int j) const { return owned<Shape::OWN_COLUMNS, Shape::THREADS_ACROSS>(across, j); }

    /// Starts the sums at the old result.
    DEVICE void load(TileSums<Shape>& sums) const
    {
#pragma unroll
        for (int i = 0; i < Shape::OWN_ROWS; i++)
        {
#pragma unroll
            for (int j = 0; j < Shape::OWN_COLUMNS; j++) sums.values[i][j] = row(i) < rows_left && column(j) < columns_left ? data[row(i) * stride + column(j)] : 0.0f;
        }
    }

    /// Adds the bias of each column; `bias` is that of column 0 of the matrix, `origin` the tile's first column.
    DEVICE void add_bias(TileSums<Shape>& sums, const float* bias, int origin) const
    {
#pragma unroll
        for (int j = 0; j < Shape::OWN_COLUMNS; j++)
        {
            float value = column(j) < columns_left ? bias[origin + column(j)] : 0.0f;
#pragma unroll
            for (int i = 0; i < Shape::OWN_ROWS; i++) sums.values[i][j] += value;
        }
    }

    /// Writes the sums.
    DEVICE void store(TileSums<Shape>& sums) const
    {
        if constexpr (RUN == CHUNK)
        {
            if (aligned && Shape::COLUMNS <= columns_left)
            {
                store_vectors(sums);
                return;
            }
        }
#pragma unroll
        for (int i = 0; i < Shape::OWN_ROWS; i++)
        {
#pragma unroll
            for (int j = 0; j < Shape::OWN_COLUMNS; j++)
            {
                if (row(i) < rows_left && column(j) < columns_left) data[row(i) * stride + column(j)] = sums.values[i][j];
            }
        }
    }

    DEVICE void store_vectors(const TileSums<Shape>& sums) const
    {
#pragma unroll
        for (int i = 0; i < Shape::OWN_ROWS; i++)
        {
#pragma unroll
            for (int j = 0; j < Shape::OWN_COLUMNS; j += CHUNK)
            {
                Vector16 v;
#pragma unroll
                for (int word = 0; word < CHUNK; word++) v.words[word] = float_bits(sums.values[i][j + word]);
                if (row(i) < rows_left) store_vector(data + row(i) * stride + column(j), v);
            }
        }
    }
};
