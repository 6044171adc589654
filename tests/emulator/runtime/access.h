// Checks of the memory accesses of instrumented kernels: bounds, freed memory, alignment, address space, and races by happens-before.
//
// What orders two accesses of one launch:
//   the same thread                                program order
//   two lanes of one warp                          a __syncwarp or __syncthreads between them
//   two warps of one block                         a __syncthreads between them
//   two blocks                                     nothing
// Shuffles, ballots, ldmatrix and mma order nothing, although the emulator runs them as meeting points. Atomics do not race with atomics, and order nothing.
// An asynchronous copy writes at some time between its start and its wait: until then any access to its bytes is a race, afterwards it counts as written by the thread that waited.
//
// Every two bytes of shared and of device memory have a ShadowCell with the last write and the reads since. A block counts its barriers and warp barriers in `clock`; an access is stamped with it,
// and is ordered before a later one if its stamp is below the clock of the barrier that separates the two: the warp's last one within a warp, the block's last one between warps.
// Where to read first: check_races in access.cpp.
#pragma once

#include "execution.h"

#include <cstdint>

namespace emulator
{
constexpr unsigned SHADOW_GRANULE = 2;
constexpr uint32_t SHADOW_MAXIMUM_SERIAL = (1u << 29) - 1;
constexpr uint32_t SHADOW_MAXIMUM_CLOCK = (1u << 22) - 1;

/// The last write to two bytes and the reads since. A serial number of an earlier launch (or, in shared memory, of another block) means "nothing".
struct ShadowCell
{
    /// Serial number of the block in the low 29 bits, flags above.
    uint32_t write_block, read_block;
    /// Clock in the high 22 bits, thread in the low 10.
    uint32_t write_time, read_time;
};

enum class Access
{
    Read,
    Write,
    Atomic,
};

/// One more barrier.
void advance_clock(Block& block, Runner& runner);
/// The row of a matrix load: 16 bytes of shared memory, read by the whole warp.
void check_matrix_row(Thread& thread, const void* row, const void* code);
/// Carries out an asynchronous copy at its wait (or at the end of the thread).
void finish_copy(Thread& thread, const AsyncCopy& copy);
}
