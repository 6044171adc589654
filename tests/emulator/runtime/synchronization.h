// Where threads meet: the lanes of a warp in a warp operation. What all of them posted lies in the warp's slots until the operation after the next.
// Where to read first: emulator_barrier and emulator_exchange in synchronization.cpp; the matrix operations on top of it are in warp_matrices.cpp.
#pragma once

#include "execution.h"

namespace emulator
{
constexpr unsigned ALL_LANES = 0xffffffffu;

/// The name of a warp operation as kernels write it.
const char* operation_name(int operation);

/// The lane arrives at a warp operation; true for the last one, which must finish the operation and call release.
bool arrive(Thread& thread, int operation, unsigned mask, unsigned bytes, const void* code);

/// All lanes but the current one become ready; the current one runs on.
void release(Thread& thread);

void wait_in_warp(Thread& thread);
}
