// The three matrix products of a linear layer.
//
// PRODUCT 0, linear_forward:          output = input * weight^T + bias           (overwrites; linear_forward_float writes floats from bfloat16: logits to sample from)
// PRODUCT 1, linear_backward_input:   dInput = dOutput * weight, or dInput +=    (overwrites or accumulates)
// PRODUCT 2, linear_backward_weight:  dWeight += dOutput^T * input               (accumulates, float)
// Shapes:  output, dOutput [N, O], input, dInput [N, C], weight [O, C], bias [O]: storage; dWeight [O, C]: float. (The sum of rows that is dBias: linear_bias.cu.)
//
// The bits of an element depend on its row and its column of the operands alone (the law stands at the top of matrix_tile_float.cuh and matrix_tile_bfloat16.cuh): all tiles give the same, so the host chooses by speed.
// There is one chain over k, so k is never split between blocks; dWeight, whose k are the rows, continues from the old dWeight, so that chunks of rows (of a multiple of 16 each) add up as the whole does.
//
// Bound by operations, 2 N C O each, on an H200 990 TFLOP/s dense bfloat16, of which mma.sync reaches about 60 %; with few rows by the bytes of the weight, 2 C O at 4.8 TB/s. For one step of 16 k, bfloat16:
//   tile       threads  shared    blocks/SM   multiply-adds  bytes from global  from shared memory  cycles of shared memory (128 bytes each) : of mma.sync (about 1300 multiply-adds)
//   128 x 256  256      144 KB    1           524,288        12,288             32,768              352 : 403
//   128 x 128  128       96 KB    2           262,144         8,192             16,384              192 : 202
//    64 x 64   128       64 KB    3            65,536         4,096              8,192               96 :  50     for small matrices, whose blocks would be too few
// Forward there are tiles for few rows (decoding), which read the weight once and keep enough of it on its way: 4.8 TB/s times 0.8 us of latency are 30 KB for each of 132 multiprocessors.
//   tile       threads  shared    blocks/SM   bytes on their way in a block, of the weight
//    64 x 32    64       96 KB    2           72 KB, 24 KB
//    32 x 64    64       96 KB    2           72 KB, 48 KB
//    32 x 32    32       64 KB    3           48 KB, 24 KB
//    16 x 64   128       80 KB    2           60 KB, 48 KB (rows of the input that do not exist are not read)
//    16 x 32    64       72 KB    3           60 KB, 40 KB
//    16 x 16    32       64 KB    3           56 KB, 28 KB
// The chain of one mma after another, about 33 cycles for 16 k, is their other bound: K / 16 * 19 ns, 5.7 us at K = 4,864 and 22 us at K = 18,944, where the weight of 3,584 outputs takes 28 us.
// Float: 8 x 8 (tile 128 x 128, 256 threads, 96 KB), 4 x 4 (64 x 64, 256 threads, 48 KB) or 2 x 4 elements (16 x 64, 128 threads, 40 KB) a thread; 64 fmaf of 8 x 8 need 4 reads of 16 bytes. For checking, not for speed.
// Registers and spills (none): kernels/README.md. Not yet measured on a GPU.
// Where to read first: multiply, then multiply_tile in the header.
#include "portable.cuh"

#if !defined(PRODUCT) || !defined(TILE_ROWS) || !defined(TILE_COLUMNS) || !defined(ALIGNED)
#error "PRODUCT (0, 1 or 2 as above), TILE_ROWS, TILE_COLUMNS and ALIGNED (1: rows of both operands begin at multiples of 16 bytes, else 0) must be defined"
#endif

#if STORAGE_BITS == 16

#include "matrix_tile_bfloat16.cuh"

constexpr int SMALLER_SIDE = TILE_ROWS < TILE_COLUMNS ? TILE_ROWS : TILE_COLUMNS;
constexpr int WARP_SIDE = SMALLER_SIDE >= 128 ? 64 : SMALLER_SIDE >= 32 ? 32 : 16;
constexpr int DEPTH = SMALLER_SIDE >= 64 ? 64 : 128;
constexpr int STAGES = TILE_ROWS >= 128 ? 3 : TILE_ROWS >= 32 || TILE_COLUMNS >= 64 ? 4 : TILE_COLUMNS >= 32 ? 6 : 8;
typedef TileShape<TILE_ROWS, TILE_COLUMNS, WARP_SIDE, DEPTH, STAGES, ALIGNED != 0> Shape;
constexpr int BLOCKS = TILE_COLUMNS >= 256 ? 1 : TILE_ROWS >= 128 || SMALLER_SIDE < 64 ? 2 : 3;
static_assert(ALIGNED != 0 || SMALLER_SIDE < 128, "copies element by element need registers that the large tiles do not have");

#else

#include "matrix_tile_float.cuh"

typedef TileShape<TILE_ROWS, TILE_COLUMNS, TILE_ROWS >= 64 ? 16 : 8, 16, TILE_ROWS >= 64 ? 3 : 4, ALIGNED != 0> Shape;
constexpr int BLOCKS = TILE_ROWS < 128 ? 2 : 1;

#endif

constexpr int THREADS = Shape::THREADS;

/// Rows of tiles that are walked through together: blocks that run at the same time then share their operands in the L2 cache.
constexpr int GROUP_ROWS = 8;

/// The tile of this block: down the rows of a group, then across.
DEVICE void tile_of_block(int tiles_down, int tiles_across, int& down, int& across)
{
    int block = static_cast<int>(blockIdx.x);
    int group = block / (GROUP_ROWS * tiles_across);
    int within = block % (GROUP_ROWS * tiles_across);
    int height = min(tiles_down - group * GROUP_ROWS, GROUP_ROWS);
    down = group * GROUP_ROWS + within % height;
    across = within / height;
}

/// The rows that there are: all, or where they are `counted` on the device, those from number `first` on. Tiles behind them end at once, so that the host need not know how many they are.
DEVICE int rows_there(int rows, const int* counted, int first) { return counted == nullptr ? rows : min(rows, max(0, *counted - first)); }

/// result[first.extent, second.extent] = first * second^T + bias, or with the old result as the start of the sums.
template <bool FIRST_TRANSPOSED, bool SECOND_TRANSPOSED, class output_t>
DEVICE void multiply(output_t* result, long long result_stride, Operand first, Operand second, const storage_t* bias, bool accumulate)
{
    DYNAMIC_SHARED(storage_t, stages);
    int tiles_down = (first.extent + Shape::ROWS - 1) / Shape::ROWS;
    int tiles_across = (second.extent + Shape::COLUMNS - 1) / Shape::COLUMNS;
    if (static_cast<int>(blockIdx.x) >= tiles_down * tiles_across) return;
    int down, across;
    tile_of_block(tiles_down, tiles_across, down, across);
    int row = down * Shape::ROWS;
    int column = across * Shape::COLUMNS;

    OperandTile<Shape, true, FIRST_TRANSPOSED> first_tile(first, row);
    OperandTile<Shape, false, SECOND_TRANSPOSED> second_tile(second, column);
    begin_tile<Shape>(first_tile, second_tile, stages, first.depth);
    TileSums<Shape> sums;
    if (accumulate) TileResult<Shape, output_t>(result, result_stride, first.extent, second.extent, row, column).load(sums);
    else sums.clear();
    multiply_tile<Shape>(sums, first_tile, second_tile, stages, first.depth);
    TileResult<Shape, output_t> output(result, result_stride, first.extent, second.extent, row, column);
    if (bias != nullptr) output.add_bias(sums, bias, column);
    output.store(sums);
}

#if PRODUCT == 0

KERNEL_BOUNDS(THREADS, BLOCKS) linear_forward(storage_t* __restrict__ output, long long output_stride, const storage_t* __restrict__ input, long long input_stride,
    const storage_t* __restrict__ weight, long long weight_stride, const storage_t* __restrict__ bias, int rows, int outputs, int columns, const int* __restrict__ counted, int first)
{
    rows = rows_there(rows, counted, first);
    multiply<false, false>(output, output_stride, Operand{input, input_stride, rows, columns}, Operand{weight, weight_stride, outputs, columns}, bias, false);
}

#if STORAGE_BITS == 16
KERNEL_BOUNDS(THREADS, BLOCKS) linear_forward_float(float* __restrict__ output, long long output_stride, const storage_t* __restrict__ input, long long input_stride,
    const storage_t* __restrict__ weight, long long weight_stride, const storage_t* __restrict__ bias, int rows, int outputs, int columns, const int* __restrict__ counted, int first)
{
    rows = rows_there(rows, counted, first);
    multiply<false, false>(output, output_stride, Operand{input, input_stride, rows, columns}, Operand{weight, weight_stride, outputs, columns}, bias, false);
}
#endif

#elif PRODUCT == 1

KERNEL_BOUNDS(THREADS, BLOCKS) linear_backward_input(storage_t* __restrict__ d_input, long long d_input_stride, const storage_t* __restrict__ d_output, long long d_output_stride,
    const storage_t* __restrict__ weight, long long weight_stride, int rows, int outputs, int columns, int accumulate, const int* __restrict__ counted, int first)
{
    rows = rows_there(rows, counted, first);
    multiply<false, true>(d_input, d_input_stride, Operand{d_output, d_output_stride, rows, outputs}, Operand{weight, weight_stride, columns, outputs}, nullptr, accumulate != 0);
}

#else

KERNEL_BOUNDS(THREADS, BLOCKS) linear_backward_weight(float* __restrict__ d_weight, long long d_weight_stride, const storage_t* __restrict__ d_output, long long d_output_stride,
    const storage_t* __restrict__ input, long long input_stride, int rows, int outputs, int columns, const int* __restrict__ counted, int first)
{
    rows = rows_there(rows, counted, first);
    if (rows == 0) return;
    multiply<true, true>(d_weight, d_weight_stride, Operand{d_output, d_output_stride, outputs, rows}, Operand{input, input_stride, columns, rows}, nullptr, true);
}

#endif
