// A row held by a fixed team of threads. Thread t of the team owns the vectors t, t + THREADS_PER_ROW, t + 2 * THREADS_PER_ROW, ... of the row, keeps them in registers between the statistics
// and the output, and so reads and writes every byte once. A sum over a row runs through a thread's own elements in order, then through a butterfly over the lanes of a warp, then over the
// warps in order: it depends on the number of channels alone, never on the number of rows, on the alignment or on where the row lies in the launch.
//
// The host picks the team from a short list (src/Sophia.Native.Cuda/Operations/RowTeam.cs), the smallest that gives each thread at most two vectors. VECTORS_PER_THREAD = 0 stands for rows that
// 512 threads cannot hold so (more than 8192 channels of bfloat16); they are read again, from the caches, for each pass. A small team shares its block with others.
#pragma once

#include "elements.cuh"

#if !defined(THREADS_PER_ROW) || !defined(VECTORS_PER_THREAD)
#error "THREADS_PER_ROW (16, or whole warps up to 512) and VECTORS_PER_THREAD (0, 1 or 2) must be given"
#endif

constexpr int TEAMS_PER_BLOCK = THREADS_PER_ROW >= 256 ? 1 : 256 / THREADS_PER_ROW;
constexpr int BLOCK_THREADS = TEAMS_PER_BLOCK * THREADS_PER_ROW;
constexpr int WARPS_PER_TEAM = THREADS_PER_ROW > WARP ? THREADS_PER_ROW / WARP : 1;

static_assert(THREADS_PER_ROW == 16 || (THREADS_PER_ROW % WARP == 0 && THREADS_PER_ROW <= 512), "a team is half a warp or whole warps");

/// Which team of its block a thread is in.
DEVICE int team() { return threadIdx.x / THREADS_PER_ROW; }

/// The first column of a thread's vector in a slot of its row.
DEVICE int slot_column(int slot) { return (slot * THREADS_PER_ROW + static_cast<int>(threadIdx.x) % THREADS_PER_ROW) * STORAGE_VECTOR; }

/// The slots of a row of any length.
DEVICE int slot_count(int channels) { return (channels + THREADS_PER_ROW * STORAGE_VECTOR - 1) / (THREADS_PER_ROW * STORAGE_VECTOR); }

/// Floats of shared memory that team_sum needs for each value: two copies, so that one barrier a call is enough.
constexpr int TEAM_SUM_FLOATS = 2 * BLOCK_THREADS / WARP;

/// Replaces each value by its sum over the team, the same bits in every thread. All threads of the block take part; `turn` counts the calls of a launch.
template <int count> DEVICE void team_sum(float (&values)[count], float* shared, int turn)
{
#pragma unroll
    for (int distance = (THREADS_PER_ROW < WARP ? THREADS_PER_ROW : WARP) / 2; distance > 0; distance /= 2)
#pragma unroll
        for (int i = 0; i < count; i++) values[i] += __shfl_xor_sync(FULL_WARP, values[i], distance);
    if (WARPS_PER_TEAM == 1) return;
    // The other copy is still being read by slow threads of the call before; they are done with this one, for they have come through that call's barrier.
    float* sums = shared + (turn & 1) * count * (BLOCK_THREADS / WARP);
    int warp = threadIdx.x / WARP;
    if (threadIdx.x % WARP == 0)
#pragma unroll
        for (int i = 0; i < count; i++) sums[count * warp + i] = values[i];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < count; i++)
    {
        float sum = sums[count * team() * WARPS_PER_TEAM + i];
#pragma unroll 4
        for (int w = 1; w < WARPS_PER_TEAM; w++) sum += sums[count * (team() * WARPS_PER_TEAM + w) + i];
        values[i] = sum;
    }
}

/// Blocks that a multiprocessor should hold at once in a backward pass.
constexpr int BACKWARD_BLOCKS = BLOCK_THREADS > 256 ? 1 : 2;

/// Whether a backward pass reads the next row while it works on one; element-wise access leaves no registers for it.
constexpr bool READ_AHEAD = ALIGNED;

/// Floats of shared memory that write_columns needs.
constexpr int COLUMN_FLOATS = TEAMS_PER_BLOCK == 1 ? 1 : BLOCK_THREADS * VECTORS_PER_THREAD * STORAGE_VECTOR;

#if VECTORS_PER_THREAD > 0

/// Adds what the teams of a block have summed for their columns, team after team, and writes it. All threads of the block take part.
DEVICE void write_columns(float* target, int channels, float (&sums)[VECTORS_PER_THREAD][STORAGE_VECTOR], float* shared)
{
    if (TEAMS_PER_BLOCK > 1)
    {
        __syncthreads();
#pragma unroll
        for (int i = 0; i < VECTORS_PER_THREAD * STORAGE_VECTOR; i++) shared[i * BLOCK_THREADS + threadIdx.x] = sums[i / STORAGE_VECTOR][i % STORAGE_VECTOR];
        __syncthreads();
        if (team() != 0) return;
#pragma unroll
        for (int i = 0; i < VECTORS_PER_THREAD * STORAGE_VECTOR; i++)
            for (int t = 1; t < TEAMS_PER_BLOCK; t++) sums[i / STORAGE_VECTOR][i % STORAGE_VECTOR] += shared[i * BLOCK_THREADS + t * THREADS_PER_ROW + threadIdx.x];
    }
#pragma unroll
    for (int slot = 0; slot < VECTORS_PER_THREAD; slot++)
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++)
            if (slot_column(slot) + i < channels) target[slot_column(slot) + i] = sums[slot][i];
}

#endif
