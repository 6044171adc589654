// One block's tile of a matrix product on tensor cores: result[R, S] (+)= first[R, K] * second[S, K]^T, bfloat16 in, float sums.
//
// The law of bits: the sum of an element starts at 0 (or the old result) and takes k in steps of 16 counted from 0, one mma.m16n8k16 a step, the last step filled up with zeros. An element's bits depend
// on its row of `first` and its row of `second` alone: not on the shape of the tile, the number of rows, the position in the matrix, or whether its operands came by 16-byte copies or element by element.
//
// An operand lies in memory as it is ([R, K]: k adjacent) or transposed ([K, R]: its own index adjacent); ldmatrix reads the second kind transposed, so nothing is moved twice.
// Per stage of DEPTH values of k the block copies both operands to shared memory (cp.async, STAGES - 1 stages ahead), rows of at least 128 bytes whose 16-byte chunks are exchanged (chunk ^ row % 8): the eight
// rows of an ldmatrix and the eight threads of a copy then touch all 32 banks. The fragments of a step are read while the step before it is multiplied; the one barrier of a stage stands before its last step,
// whose fragments are in registers already, so that the tensor cores have work while the warps wait for each other.
// Where to read first: multiply_tile.
#pragma once

#include "portable.cuh"

/// Values of k in one mma.
constexpr int STEP = 16;

/// Elements in 16 bytes.
constexpr int CHUNK = 8;

/// A matrix operand: its own index runs to `extent`, the index that is summed over to `depth`.
struct Operand
{
    const bfloat16* data;
    long long stride;
    int extent;
    int depth;
};

/// The shape of a block's tile: TILE_ROWS x TILE_COLUMNS elements of the result by warps of WARP_SIDE x WARP_SIDE.
template <int TILE_ROWS_, int TILE_COLUMNS_, int WARP_SIDE_, int DEPTH_, int STAGES_, bool VECTORS_>
struct TileShape
{
    static constexpr int ROWS = TILE_ROWS_;
    static constexpr int COLUMNS = TILE_COLUMNS_;
    static constexpr int WARP_SIDE = WARP_SIDE_;
    static constexpr int DEPTH = DEPTH_;
    static constexpr int STAGES = STAGES_;

    /// Whether rows of both operands begin at multiples of 16 bytes.
    static constexpr bool VECTORS = VECTORS_;
    static constexpr int WARPS_ACROSS = COLUMNS / WARP_SIDE;
    static constexpr int THREADS = ROWS / WARP_SIDE * WARPS_ACROSS * WARP;

    /// Tiles of 16 rows and of 8 columns that one mma computes.
    static constexpr int PARTS = WARP_SIDE / 16;
    static constexpr int PARTS_ACROSS = WARP_SIDE / 8;
    static constexpr int STAGE_ELEMENTS = (ROWS + COLUMNS) * DEPTH;
    static_assert(DEPTH % (2 * STEP) == 0, "the two fragment buffers take turns");

    /// Where this thread's warp begins in the tile.
    static DEVICE int warp_row() { return static_cast<int>(threadIdx.x) / WARP / WARPS_ACROSS * WARP_SIDE; }
    static DEVICE int warp_column() { return static_cast<int>(threadIdx.x) / WARP % WARPS_ACROSS * WARP_SIDE; }
};

/// One operand of a block: copies its stages, reads its fragments. FIRST: the rows of the result, else its columns.
template <class Shape, bool FIRST, bool TRANSPOSED>
struct OperandTile
{
    static constexpr int EXTENT = FIRST ? Shape::ROWS : Shape::COLUMNS;
    static constexpr int ROWS = TRANSPOSED ? Shape::DEPTH : EXTENT;
    static constexpr int COLUMNS = TRANSPOSED ? EXTENT : Shape::DEPTH;
    static constexpr int CHUNKS = COLUMNS / CHUNK;
    static constexpr int ROWS_AT_ONCE = Shape::THREADS / CHUNKS;
    static constexpr int COPIES = ROWS / ROWS_AT_ONCE;
    static_assert(CHUNKS >= 8 && Shape::THREADS % CHUNKS == 0 && ROWS % ROWS_AT_ONCE == 0, "rows of 128 bytes or more, shared out evenly");

    // What this thread copies next, and how much of the matrix lies from there on.
    const bfloat16* source;
    long long stride;
    int rows_left;
    int columns_left;

    /// Where this thread's first copy goes, in elements from the start of the operand's stage.
    int target;

    /// Where this lane reads its fragments, in elements from the start of the operand's stage.
    int fragment;

    DEVICE OperandTile(const Operand& operand, int origin)
    {
        int thread = static_cast<int>(threadIdx.x);
        int warp_origin = FIRST ? Shape::warp_row() : Shape::warp_column();
        int target_row = thread / CHUNKS;
        int target_chunk = thread % CHUNKS;
        target = target_row * COLUMNS + (target_chunk ^ (target_row & 7)) * CHUNK;
        int row = (TRANSPOSED ? 0 : origin) + target_row;
        int column = (TRANSPOSED ? origin : 0) + target_chunk * CHUNK;
        stride = operand.stride;
        source = operand.data + row * stride + column;
        rows_left = (TRANSPOSED ? operand.depth : operand.extent) - row;
        columns_left = (TRANSPOSED ? operand.extent : operand.depth) - column;

        // The order in which mma wants the four 8 x 8 matrices of an ldmatrix differs between the two operands; transposing exchanges the two orders.
        int lane = thread % WARP;
        bool rows_first = FIRST != TRANSPOSED;
        int matrix_row = lane % 8 + 8 * (rows_first ? lane / 8 % 2 : lane / 16);
        int matrix_chunk = rows_first ? lane / 16 : lane / 8 % 2;
        int fragment_row = (TRANSPOSED ? 0 : warp_origin) + matrix_row;
        int fragment_chunk = (TRANSPOSED ? warp_origin / CHUNK : 0) + matrix_chunk;
        fragment = fragment_row * COLUMNS + (fragment_chunk ^ (lane % 8)) * CHUNK;
    }

    /// Starts the copies of the next DEPTH values of k into the stage that begins at element `offset`.
    DEVICE void copy(bfloat16* stages, int offset)
    {
        int rows = columns_left > 0 ? rows_left : 0;
        int count = columns_left < CHUNK ? columns_left : CHUNK;
        const bfloat16* from = source;
        if (!Shape::VECTORS)
        {
#pragma unroll
            for (int i = 0; i < COPIES; i++, from += ROWS_AT_ONCE * stride) copy_elements(stages + place(offset, i), from, i * ROWS_AT_ONCE < rows ? count : 0);
        }
        else if (columns_left <= 0 || columns_left >= CHUNK)
        {
#pragma unroll
            for (int i = 0; i < COPIES; i++, from += ROWS_AT_ONCE * stride) copy_async_or_zero(stages + place(offset, i), from, i * ROWS_AT_ONCE < rows);
        }
        else
        {
            // Where a matrix ends inside a chunk. A loop, lest the compiler runs both ways with predicates.
#pragma unroll 1
            for (int i = 0; i < COPIES; i++, from += ROWS_AT_ONCE * stride) copy_async(stages + place(offset, i), from, i * ROWS_AT_ONCE < rows ? 2 * count : 0);
        }
        source += TRANSPOSED ? Shape::DEPTH * stride : Shape::DEPTH;
        if (TRANSPOSED) rows_left -= Shape::DEPTH;
        else columns_left -= Shape::DEPTH;
    }

    /// Where copy i of this thread goes; a step of rows that is no multiple of 8 changes the exchange of chunks too.
    DEVICE int place(int offset, int i) const { return offset + (target ^ (i * ROWS_AT_ONCE & 7) * CHUNK) + i * ROWS_AT_ONCE * COLUMNS; }

    /// Copies a chunk element by element.
    static DEVICE void copy_elements(bfloat16* to, const bfloat16* from, int count)
    {
        Vector16 chunk;
#pragma unroll
        for (int word = 0; word < 4; word++)
        {
            unsigned low = 2 * word < count ? from[2 * word].bits : 0u;
            unsigned high = 2 * word + 1 < count ? from[2 * word + 1].bits : 0u;
            chunk.words[word] = low | (high << 16);
        }
        store_shared_vector(to, chunk);
    }

    /// Reads the fragments of one step: WARP_SIDE of the operand's own index in groups of 16.
    DEVICE void read(unsigned (&fragments)[Shape::PARTS][4], const bfloat16* stages, int offset, int step) const
    {
#pragma unroll
        for (int part = 0; part < Shape::PARTS; part++)
        {
            // Chunks that are added to a chunk whose bits they do not share may be exchanged into it: one operation, whatever the exchange.
            if constexpr (TRANSPOSED) load_matrix_x4_transposed(fragments[part], stages + (offset + (fragment ^ (part * 2 * CHUNK)) + step * STEP * COLUMNS));
            else load_matrix_x4(fragments[part], stages + (offset + (fragment ^ (step * 2 * CHUNK)) + part * 16 * COLUMNS));
        }
    }
};

/// The sums of a warp: element (part of 16 rows, part of 8 columns, register of mma).
template <class Shape>
struct TileSums
{
    float values[Shape::PARTS][Shape::PARTS_ACROSS][4];

    /// The sum of a lane in one eighth row of the warp's, in one part of 8 columns.
    DEVICE float& at(int row_part, int across, int column) { return values[row_part / 2][across][row_part % 2 * 2 + column]; }

    // Written out because the compiler makes a loop of an empty initializer, and with it an array in local memory.
    DEVICE void clear()
    {
#pragma unroll
        for (int part = 0; part < Shape::PARTS; part++)
        {
#pragma unroll
            for (int across = 0; across < Shape::PARTS_ACROSS; across++)
            {
#pragma unroll
                for (int i = 0; i < 4; i++) values[part][across][i] = 0.0f;
            }
        }
    }

    DEVICE void multiply(const unsigned (&first)[Shape::PARTS][4], const unsigned (&second)[Shape::PARTS][4])
    {
#pragma unroll
        for (int part = 0; part < Shape::PARTS; part++)
        {
#pragma unroll
            for (int across = 0; across < Shape::PARTS_ACROSS; across++)
                multiply_accumulate(values[part][across], first[part], second[across / 2][2 * (across % 2)], second[across / 2][2 * (across % 2) + 1]);
        }
    }
};

/// Starts the copies of the first STAGES - 1 stages. Between this and multiply_tile is the time to read what the sums start from.
template <class Shape, class First, class Second>
DEVICE void begin_tile(First& first, Second& second, bfloat16* stages, int depth)
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
DEVICE void multiply_tile(TileSums<Shape>& sums, First& first, Second& second, bfloat16* stages, int depth)
{
    constexpr int STEPS = Shape::DEPTH / STEP;
    constexpr int SECOND = Shape::ROWS * Shape::DEPTH;
    constexpr int END = Shape::STAGES * Shape::STAGE_ELEMENTS;
    unsigned first_fragments[2][Shape::PARTS][4];
    unsigned second_fragments[2][Shape::PARTS][4];
    int tiles = (depth + Shape::DEPTH - 1) / Shape::DEPTH;
    if (tiles == 0) return;

    copy_async_wait<Shape::STAGES - 2>();
    __syncthreads();
    first.read(first_fragments[0], stages, 0, 0);
    second.read(second_fragments[0], stages, SECOND, 0);
    int present = 0;
    int free = (Shape::STAGES - 1) * Shape::STAGE_ELEMENTS;
    for (int tile = 0; tile < tiles - 1; tile++)
    {
        int next = present + Shape::STAGE_ELEMENTS == END ? 0 : present + Shape::STAGE_ELEMENTS;
#pragma unroll
        for (int step = 0; step < STEPS; step++)
        {
            if (step + 1 == STEPS)
            {
                // All fragments of this stage are in registers: behind the barrier its memory is free, and the next stage has arrived.
                copy_async_wait<Shape::STAGES - 2>();
                __syncthreads();
            }
            int from = step + 1 < STEPS ? present : next;
            first.read(first_fragments[(step + 1) % 2], stages, from, (step + 1) % STEPS);
            second.read(second_fragments[(step + 1) % 2], stages, from + SECOND, (step + 1) % STEPS);
            if (step == 0)
            {
                // The memory of the stage before this one: free since the last barrier.
                if (tile + Shape::STAGES - 1 < tiles)
                {
                    first.copy(stages, free);
                    second.copy(stages, free + SECOND);
                }
                copy_async_commit();
                free = present;
            }
            sums.multiply(first_fragments[step % 2], second_fragments[step % 2]);
        }
        present = next;
    }

    int steps = (depth - (tiles - 1) * Shape::DEPTH + STEP - 1) / STEP;
#pragma unroll
    for (int step = 0; step < STEPS; step++)
    {
        if (step < steps)
        {
            if (step + 1 < STEPS)
            {
                first.read(first_fragments[(step + 1) % 2], stages, present, step + 1);
                second.read(second_fragments[(step + 1) % 2], stages, present + SECOND, step + 1);
            }
            sums.multiply(first_fragments[step % 2], second_fragments[step % 2]);
        }
    }
}

/// Two adjacent floats that move in one access; the address must be a multiple of 8.
struct alignas(8) FloatPair
{
    float low;
    float high;
};

/// Thread t of four holds words[j] of column j; afterwards it holds word s of thread s, all of column t.
DEVICE void transpose_quad(unsigned (&words)[4])
{
    int t = static_cast<int>(threadIdx.x) % 4;
    bool odd = (t & 1) != 0;
    unsigned low = __shfl_xor_sync(FULL_WARP, odd ? words[0] : words[1], 1);
    unsigned high = __shfl_xor_sync(FULL_WARP, odd ? words[2] : words[3], 1);
    words[0] = odd ? low : words[0];
    words[1] = odd ? words[1] : low;
    words[2] = odd ? high : words[2];
    words[3] = odd ? words[3] : high;
    bool upper = (t & 2) != 0;
    low = __shfl_xor_sync(FULL_WARP, upper ? words[0] : words[2], 2);
    high = __shfl_xor_sync(FULL_WARP, upper ? words[1] : words[3], 2);
    words[0] = upper ? low : words[0];
    words[1] = upper ? high : words[1];
    words[2] = upper ? words[2] : low;
    words[3] = upper ? words[3] : high;
}

/// Where a lane's sums lie in the result: two adjacent columns of each part of 8, in each eighth row.
template <class Shape, class output_t>
struct TileResult
{
    static constexpr int ROW_PARTS = 2 * Shape::PARTS;
    output_t* data;
    long long stride;

    // What is left of the matrix from the lane's first element on.
    int rows_left;
    int columns_left;

    /// Whether rows begin at multiples of 16 bytes.
    bool aligned;

    /// The tile that begins at a row and a column of a matrix.
    DEVICE TileResult(output_t* matrix, long long matrix_stride, int rows, int columns, int tile_row, int tile_column)
    {
        int lane = static_cast<int>(threadIdx.x) % WARP;
        int row = tile_row + Shape::warp_row() + lane / 4;
        int column = tile_column + Shape::warp_column() + 2 * (lane % 4);
        stride = matrix_stride;
        data = matrix + row * stride + column;
        rows_left = rows - row;
        columns_left = columns - column;
        aligned = reinterpret_cast<unsigned long long>(matrix) % 16 == 0 && stride % (16 / static_cast<int>(sizeof(output_t))) == 0;
    }

    /// Starts the sums at the old result.
    DEVICE void load(TileSums<Shape>& sums) const
    {
        const output_t* row = data;
#pragma unroll
        for (int i = 0; i < ROW_PARTS; i++)
        {
#pragma unroll
            for (int across = 0; across < Shape::PARTS_ACROSS; across++)
            {
                sums.at(i, across, 0) = i * 8 < rows_left && across * 8 < columns_left ? to_float(row[across * 8]) : 0.0f;
                sums.at(i, across, 1) = i * 8 < rows_left && across * 8 + 1 < columns_left ? to_float(row[across * 8 + 1]) : 0.0f;
            }
            row += 8 * stride;
        }
    }

    /// Adds the bias of each column; `bias` is that of column 0 of the matrix, `origin` the tile's first column.
    DEVICE void add_bias(TileSums<Shape>& sums, const bfloat16* bias, int origin) const
    {
        const bfloat16* from = bias + origin + Shape::warp_column() + 2 * (static_cast<int>(threadIdx.x) % 4);
#pragma unroll
        for (int across = 0; across < Shape::PARTS_ACROSS; across++)
        {
            float low = across * 8 < columns_left ? to_float(from[across * 8]) : 0.0f;
            float high = across * 8 + 1 < columns_left ? to_float(from[across * 8 + 1]) : 0.0f;
#pragma unroll
            for (int i = 0; i < ROW_PARTS; i++)
            {
                sums.at(i, across, 0) += low;
                sums.at(i, across, 1) += high;
            }
        }
    }

    /// Writes the sums. A row's 8 floats are a whole sector of 32 bytes; of bfloat16 each lane first collects 8 of its neighbors' columns, so that a row of 32 columns goes out as two.
    DEVICE void store(TileSums<Shape>& sums) const
    {
        bool whole = aligned && Shape::WARP_SIDE <= columns_left + 2 * (static_cast<int>(threadIdx.x) % 4);
        if constexpr (sizeof(output_t) == 4)
        {
            if (whole) store_pairs(sums);
            else store_singly(sums);
        }
        else if constexpr (Shape::PARTS_ACROSS % 4 == 0)
        {
            if (whole) store_vectors(sums);
            else store_singly(sums);
        }
        else store_singly(sums);
    }

    DEVICE void store_vectors(TileSums<Shape>& sums) const
    {
        // The lane's column in the part that it collects.
        output_t* row = data + 6 * (static_cast<int>(threadIdx.x) % 4);
#pragma unroll
        for (int i = 0; i < ROW_PARTS; i++)
        {
#pragma unroll
            for (int across = 0; across < Shape::PARTS_ACROSS; across += 4)
            {
                unsigned words[4];
#pragma unroll
                for (int j = 0; j < 4; j++) words[j] = pack_bfloat16(sums.at(i, across + j, 0), sums.at(i, across + j, 1));
                transpose_quad(words);
                if (i * 8 < rows_left) store_vector(row + across * 8, Vector16{{words[0], words[1], words[2], words[3]}});
            }
            row += 8 * stride;
        }
    }

    DEVICE void store_pairs(TileSums<Shape>& sums) const
    {
        output_t* row = data;
#pragma unroll
        for (int i = 0; i < ROW_PARTS; i++)
        {
#pragma unroll
            for (int across = 0; across < Shape::PARTS_ACROSS; across++)
            {
                if (i * 8 < rows_left) *reinterpret_cast<FloatPair*>(row + across * 8) = FloatPair{sums.at(i, across, 0), sums.at(i, across, 1)};
            }
            row += 8 * stride;
        }
    }

    DEVICE void store_singly(TileSums<Shape>& sums) const
    {
        output_t* row = data;
#pragma unroll
        for (int i = 0; i < ROW_PARTS; i++)
        {
#pragma unroll
            for (int across = 0; across < Shape::PARTS_ACROSS; across++)
            {
                if (i * 8 < rows_left && across * 8 < columns_left) ::store(row + across * 8, sums.at(i, across, 0));
                if (i * 8 < rows_left && across * 8 + 1 < columns_left) ::store(row + across * 8 + 1, sums.at(i, across, 1));
            }
            row += 8 * stride;
        }
    }
};
