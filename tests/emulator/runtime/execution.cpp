#include "execution.h"

#include "access.h"
#include "cuda_errors.h"
#include "synchronization.h"
#include "watchdog.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

__attribute__((visibility("default"), tls_model("initial-exec"))) __thread EmulatorThread* emulator_thread = nullptr;

namespace emulator
{
Runner& Runner::of_this_thread()
{
    static thread_local Runner runner;
    return runner;
}

Runner::Runner() : fibers_(&Runner::fiber_entry) {}

Runner::~Runner()
{
    for (auto& block : blocks_)
    {
        munmap(block->shared, SHARED_CAPACITY);
        if (block->shared_shadow != nullptr)
        {
            munmap(block->shared_shadow, SHARED_CAPACITY / SHADOW_GRANULE * sizeof(ShadowCell));
            munmap(block->shared_code, SHARED_CAPACITY / SHADOW_GRANULE * sizeof(uint32_t));
        }
    }
}

uint64_t Runner::random()
{
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_;
}

void Runner::run(Launch& launch)
{
    auto reserve = [](size_t bytes) {
        void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED)
            throw std::bad_alloc();
        return memory;
    };
    launch_ = &launch;
    random_ = launch.schedule.seed * 0x9E3779B97F4A7C15ull | 1;
    abandoned_ = false;
    while (blocks_.size() < launch.schedule.resident_blocks)
    {
        blocks_.push_back(std::make_unique<Block>());
        blocks_.back()->shared = static_cast<unsigned char*>(reserve(SHARED_CAPACITY));
    }
    active_blocks_ = 0;
    for (auto& block : blocks_)
        block->active = false;
    for (unsigned i = 0; i < launch.schedule.resident_blocks; i++)
    {
        Block& block = *blocks_[i];
        if (launch.schedule.checked && block.shared_shadow == nullptr)
        {
            block.shared_shadow = static_cast<ShadowCell*>(reserve(SHARED_CAPACITY / SHADOW_GRANULE * sizeof(ShadowCell)));
            block.shared_code = static_cast<uint32_t*>(reserve(SHARED_CAPACITY / SHADOW_GRANULE * sizeof(uint32_t)));
        }
        if (!start_block(block))
            break;
    }
    current_block_ = blocks_[0].get();
    expired_ = false;
    if (active_blocks_ > 0)
    {
        WatchedRun watched(*this, launch.schedule);
        Thread* first = pick();
        become(*first);
        first->fiber = fibers_.take();
        switch_fiber(main_, *first->fiber);
    }
    emulator_thread = nullptr;
    current_ = nullptr;
    if (abandoned_)
        fibers_.reset();
}

bool Runner::start_block(Block& block)
{
    Launch& launch = *launch_;
    uint64_t number;
    if (launch.stopped.load(std::memory_order_relaxed) || (number = launch.next_block.fetch_add(1)) >= launch.blocks())
        return false;
    unsigned count = launch.threads();
    block.launch = &launch;
    block.runner = this;
    block.active = true;
    block.checked = launch.schedule.checked;
    block.index = launch.block_index(number);
    block.serial = launch.first_serial + static_cast<uint32_t>(number);
    if (next_shared_serial_ == SHADOW_MAXIMUM_SERIAL)
    {
        next_shared_serial_ = 1;
        for (auto& other : blocks_)
            if (other->shared_shadow != nullptr)
                madvise(other->shared_shadow, SHARED_CAPACITY / SHADOW_GRANULE * sizeof(ShadowCell), MADV_DONTNEED);
    }
    block.shared_serial = next_shared_serial_++;
    block.thread_count = count;
    block.at_barrier = block.exited = 0;
    block.clock = block.barrier = 0;
    if (block.threads.size() < count)
        block.threads.resize(count);
    unsigned warp_count = (count + 31) / 32;
    if (block.warps.size() < warp_count)
        block.warps.resize(warp_count);
    dim3 position{0, 0, 0};
    for (unsigned i = 0; i < count; i++)
    {
        Thread& thread = block.threads[i];
        thread.thread = position;
        thread.block = block.index;
        thread.block_size = launch.block;
        thread.grid_size = launch.grid;
        thread.linear = i;
        thread.lane = i % 32;
        thread.state = ThreadState::Fresh;
        thread.resident = &block;
        thread.warp = &block.warps[i / 32];
        thread.fiber = nullptr;
        thread.copies.clear();
        thread.open_group = 0;
        if (++position.x == launch.block.x)
        {
            position.x = 0;
            if (++position.y == launch.block.y)
            {
                position.y = 0;
                position.z++;
            }
        }
    }
    for (unsigned i = 0; i < warp_count; i++)
    {
        Warp& warp = block.warps[i];
        unsigned lanes = std::min(32u, count - 32 * i);
        warp.lanes = lanes == 32 ? ALL_LANES : (1u << lanes) - 1;
        warp.ready = warp.lanes;
        warp.arrived = warp.exited = 0;
        warp.generation = 0;
        warp.start = 0;
    }
    block.ready_warps = warp_count == 32 ? ALL_LANES : (1u << warp_count) - 1;
    redraw_priorities(block);

    block.static_sites.clear();
    if (block.checked)
    {
        std::lock_guard<std::mutex> lock(launch.mutex);
        block.static_sites = launch.static_sites;
        std::memset(block.dynamic_shared(), 0xFF, launch.dynamic_shared);
        for (StaticShared& site : block.static_sites)
            std::memset(block.shared + site.offset, 0xFF, site.site->bytes);
    }
#if defined(__SANITIZE_ADDRESS__)
    ASAN_POISON_MEMORY_REGION(block.shared, SHARED_CAPACITY);
    ASAN_UNPOISON_MEMORY_REGION(block.dynamic_shared(), launch.dynamic_shared);
    for (StaticShared& site : block.static_sites)
        ASAN_UNPOISON_MEMORY_REGION(block.shared + site.offset, site.site->bytes);
#endif
    active_blocks_++;
    return true;
}

void Runner::redraw_priorities(Block& block)
{
    if (launch_->schedule.order != Order::RandomPriorities)
        return;
    for (unsigned i = 0; i < (block.thread_count + 31) / 32; i++)
    {
        uint64_t bits = random();
        block.warps[i].priority = static_cast<uint32_t>(bits >> 32);
        block.warps[i].descending = (bits & 1) != 0;
    }
}

void Runner::fiber_entry()
{
    Runner& runner = of_this_thread();
#if defined(__SANITIZE_ADDRESS__)
    const void* low;
    size_t bytes;
    __sanitizer_finish_switch_fiber(nullptr, &low, &bytes);
    if (runner.main_.stack_low == nullptr)
    {
        runner.main_.stack_low = static_cast<unsigned char*>(const_cast<void*>(low));
        runner.main_.stack_bytes = bytes;
    }
#endif
    runner.fiber_loop();
}

void Runner::fiber_loop()
{
    for (;;)
    {
        Thread* thread = current_;
        Fiber* fiber = thread->fiber;
        launch_->kernel->invoke(launch_->parameters);
        finish_thread(*thread);
        Thread* next = pick();
        if (next != nullptr && next->state == ThreadState::Fresh)
        {
            // The next thread starts on the warm stack of the one that ended.
            next->fiber = fiber;
            become(*next);
            continue;
        }
        if (next == nullptr)
        {
            if (active_blocks_ > 0)
                explain_deadlock();
            fibers_.give_back(fiber);
            switch_fiber(*fiber, main_);
            continue;
        }
        fibers_.give_back(fiber);
        become(*next);
        switch_fiber(*fiber, *next->fiber);
    }
}

void Runner::finish_thread(Thread& thread)
{
    Block& block = *thread.resident;
    Warp& warp = *thread.warp;
    if (block.at_barrier != 0)
    {
        for (Thread& other : block.threads)
            if (other.state == ThreadState::AtBarrier && &other < &block.threads[0] + block.thread_count)
                fail(CUDA_ERROR_LAUNCH_FAILED, "the thread ended while " + std::to_string(block.at_barrier) + " of " + std::to_string(block.thread_count) + " threads wait in __syncthreads at " +
                     std::string(other.barrier_file) + ":" + std::to_string(other.barrier_line) + ": every thread of a block must reach every barrier", nullptr);
    }
    if (warp.arrived != 0)
        fail(CUDA_ERROR_LAUNCH_FAILED, "the thread ended while lanes of its warp wait in " + std::string(operation_name(warp.operation)) + ": all 32 lanes must take part", nullptr);
    thread.state = ThreadState::Exited;
    warp.exited |= 1u << thread.lane;
    for (AsyncCopy& copy : thread.copies)
        if (launch_->schedule.late_copies)
            finish_copy(thread, copy);
    thread.copies.clear();
    if (++block.exited == block.thread_count)
    {
        block.active = false;
        block.ready_warps = 0;
        active_blocks_--;
        start_block(block);
    }
}

Thread* Runner::pick_from(Block& block, unsigned warp_number)
{
    Warp& warp = block.warps[warp_number];
    bool descending = launch_->schedule.order == Order::Reverse || (launch_->schedule.order == Order::RandomPriorities && warp.descending);
    unsigned lane = descending ? 31 - static_cast<unsigned>(__builtin_clz(warp.ready)) : static_cast<unsigned>(__builtin_ctz(warp.ready));
    warp.ready &= ~(1u << lane);
    if (warp.ready == 0)
        block.ready_warps &= ~(1u << warp_number);
    current_block_ = &block;
    return &block.threads[warp_number * 32 + lane];
}

/// The next thread to run, no longer ready; null if none can run.
Thread* Runner::pick()
{
    switch (launch_->schedule.order)
    {
    case Order::Forward:
    case Order::Reverse:
    {
        Block* block = current_block_;
        if (block->ready_warps == 0)
        {
            block = nullptr;
            for (auto& candidate : blocks_)
                if (candidate->active && candidate->ready_warps != 0)
                    block = candidate.get();
            if (block == nullptr)
                return nullptr;
        }
        // Stays with the warp at hand, whose stacks are warm, as long as one of its lanes can run.
        unsigned warp = current_ != nullptr && current_->resident == block ? current_->linear / 32 : 0;
        if ((block->ready_warps >> warp & 1) == 0)
            warp = launch_->schedule.order == Order::Forward ? static_cast<unsigned>(__builtin_ctz(block->ready_warps)) : 31 - static_cast<unsigned>(__builtin_clz(block->ready_warps));
        return pick_from(*block, warp);
    }
    default:
    {
        Block* best = nullptr;
        unsigned best_warp = 0;
        for (auto& candidate : blocks_)
        {
            if (!candidate->active)
                continue;
            for (unsigned mask = candidate->ready_warps; mask != 0; mask &= mask - 1)
            {
                unsigned warp = static_cast<unsigned>(__builtin_ctz(mask));
                if (best == nullptr || candidate->warps[warp].priority > best->warps[best_warp].priority)
                {
                    best = candidate.get();
                    best_warp = warp;
                }
            }
        }
        return best == nullptr ? nullptr : pick_from(*best, best_warp);
    }
    }
}

void Runner::become(Thread& thread)
{
    current_ = &thread;
    emulator_thread = &thread;
    turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void Runner::make_ready(Thread& thread)
{
    thread.state = ThreadState::Ready;
    thread.warp->ready |= 1u << thread.lane;
    thread.resident->ready_warps |= 1u << (thread.linear / 32);
}

void Runner::wait()
{
    Thread* me = current_;
    if (expired_.load(std::memory_order_relaxed))
        fail(CUDA_ERROR_LAUNCH_TIMEOUT, "the launch has taken more than " + std::to_string(launch_->schedule.launch_seconds) + " seconds of processor time", nullptr);
    Thread* next = pick();
    if (next == me)
        return;
    if (next == nullptr)
        explain_deadlock();
    bool fresh = next->state == ThreadState::Fresh;
    if (fresh)
        next->fiber = fibers_.take();
    become(*next);
    switch_fiber(*me->fiber, *next->fiber);
}
}
