#include "synchronization.h"

#include "access.h"
#include "cuda_errors.h"

#include <cstdio>
#include <cstring>

namespace emulator
{
const char* operation_name(int operation)
{
    switch (operation)
    {
    case 0: return "__syncwarp";
    case 1: return "__shfl_xor_sync";
    case 2: return "__shfl_sync";
    case 3: return "__shfl_down_sync";
    case 4: return "__shfl_up_sync";
    case 5: return "__ballot_sync";
    case 6: return "load_matrix_x4";
    case 7: return "load_matrix_x4_transposed";
    case 8: return "multiply_accumulate";
    default: return "a warp operation";
    }
}

bool arrive(Thread& thread, int operation, unsigned mask, unsigned bytes, const void* code)
{
    Warp& warp = *thread.warp;
    Runner& runner = *thread.resident->runner;
    if (mask != ALL_LANES)
    {
        char text[16];
        std::snprintf(text, sizeof text, "0x%08x", mask);
        runner.fail(CUDA_ERROR_LAUNCH_FAILED, std::string(operation_name(operation)) + " with the partial mask " + text + ": in this project all 32 lanes take part (kernels/portable.cuh)", code);
    }
    if (warp.lanes != ALL_LANES)
        runner.fail(CUDA_ERROR_LAUNCH_FAILED, std::string(operation_name(operation)) + " in a warp of fewer than 32 lanes: the block size must be a multiple of 32", code);
    if (warp.exited != 0)
        runner.fail(CUDA_ERROR_LAUNCH_FAILED, std::string(operation_name(operation)) + " although lanes of the warp have ended", code);
    if (warp.arrived == 0)
    {
        warp.operation = operation;
        warp.bytes = bytes;
    }
    else if (warp.operation != operation || warp.bytes != bytes)
        runner.fail(CUDA_ERROR_LAUNCH_FAILED, "divergent warp: this lane is in " + std::string(operation_name(operation)) + " of " + std::to_string(bytes) + " bytes, other lanes wait in " +
                    operation_name(warp.operation) + " of " + std::to_string(warp.bytes) + " bytes", code);
    warp.arrived |= 1u << thread.lane;
    return warp.arrived == ALL_LANES;
}

void release(Thread& thread)
{
    Block& block = *thread.resident;
    Warp& warp = *thread.warp;
    warp.arrived = 0;
    warp.generation++;
    Thread* first = &block.threads[thread.linear - thread.lane];
    for (unsigned i = 0; i < 32; i++)
        first[i].state = ThreadState::Ready;
    warp.ready = ALL_LANES & ~(1u << thread.lane);
    block.ready_warps |= 1u << (thread.linear / 32);
}

void wait_in_warp(Thread& thread)
{
    thread.state = ThreadState::AtWarp;
    thread.resident->runner->wait();
}
}

using namespace emulator;

extern "C" __attribute__((visibility("default"))) void emulator_barrier(const char* file, int line)
{
    Thread& thread = current_thread();
    Block& block = *thread.resident;
    Runner& runner = *block.runner;
    const void* code = __builtin_return_address(0);
    thread.barrier_file = file;
    thread.barrier_line = line;
    if (block.exited != 0)
        runner.fail(CUDA_ERROR_LAUNCH_FAILED, "__syncthreads is reached although " + std::to_string(block.exited) + " of " + std::to_string(block.thread_count) +
                    " threads have ended: every thread of a block must reach every barrier", code);
    if (block.at_barrier != 0)
        for (unsigned i = 0; i < block.thread_count; i++)
        {
            Thread& other = block.threads[i];
            if (other.state != ThreadState::AtBarrier)
                continue;
            if (other.barrier_line != line || std::strcmp(other.barrier_file, file) != 0)
                runner.fail(CUDA_ERROR_LAUNCH_FAILED, "divergent barriers: this thread waits at " + std::string(file) + ":" + std::to_string(line) + ", thread " + describe(other.thread) + " at " +
                            other.barrier_file + ":" + std::to_string(other.barrier_line), code);
            break;
        }
    thread.state = ThreadState::AtBarrier;
    if (++block.at_barrier < block.thread_count)
    {
        runner.wait();
        return;
    }
    block.at_barrier = 0;
    advance_clock(block, runner);
    block.barrier = block.clock;
    for (unsigned i = 0; i < (block.thread_count + 31) / 32; i++)
    {
        block.warps[i].start = block.clock;
        block.warps[i].ready = block.warps[i].lanes;
        block.ready_warps |= 1u << i;
    }
    for (unsigned i = 0; i < block.thread_count; i++)
        block.threads[i].state = ThreadState::Ready;
    runner.redraw_priorities(block);
    runner.wait();
}

extern "C" __attribute__((visibility("default"))) void emulator_warp_barrier(unsigned mask)
{
    Thread& thread = current_thread();
    if (!arrive(thread, 0, mask, 0, __builtin_return_address(0)))
    {
        wait_in_warp(thread);
        return;
    }
    Block& block = *thread.resident;
    advance_clock(block, *block.runner);
    thread.warp->start = block.clock;
    release(thread);
}

extern "C" __attribute__((visibility("default"))) const unsigned char* emulator_exchange(int operation, unsigned mask, const void* value, unsigned bytes)
{
    Thread& thread = current_thread();
    Warp& warp = *thread.warp;
    unsigned char(*slots)[64] = warp.slots[warp.generation & 1];
    std::memcpy(slots[thread.lane], value, bytes);
    if (arrive(thread, operation, mask, bytes, __builtin_return_address(0)))
        release(thread);
    else
        wait_in_warp(thread);
    return slots[0];
}
