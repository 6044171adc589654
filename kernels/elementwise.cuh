// The one loop of the elementwise operations over [N, C] with any row stride: a thread owns one vector of columns in TILE_ROWS rows and has all its reads in flight before it computes.
// A block is a run of threads along a row; the blocks of a row follow each other, so memory is walked in order. The host chooses blocks and threads
// (src/Sophia.Native.Cuda/Operations/ElementwiseTiles.cs) so that the last block of a row is nearly as full as the others.
#pragma once

#include "elements.cuh"

constexpr int TILE_ROWS = 4;

/// What a thread works on: the columns [column, column + STORAGE_VECTOR) of the rows [row, row + TILE_ROWS).
struct Tile
{
    long long row;
    int column;
};

/// The tile of this thread; blocks_across is the number of blocks that make up a row.
DEVICE Tile thread_tile(int blocks_across)
{
    unsigned down = blockIdx.x / static_cast<unsigned>(blocks_across);
    unsigned across = blockIdx.x - down * static_cast<unsigned>(blocks_across);
    return Tile{static_cast<long long>(down) * TILE_ROWS, static_cast<int>((across * blockDim.x + threadIdx.x) * STORAGE_VECTOR)};
}

/// The elements of the tile in a matrix whose first column of interest is `matrix`.
DEVICE void read_tile(Vector16 (&tile)[TILE_ROWS], const storage_t* matrix, long long stride, Tile at, int rows, int columns)
{
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r++) tile[r] = read_elements(matrix + (at.row + r) * stride, at.column, at.row + r < rows ? columns : 0);
}
