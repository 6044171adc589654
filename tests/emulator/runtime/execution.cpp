#include "execution.h"

#include "access.h"
#include "process.h"
#include "cuda_errors.h"
#include "watchdog.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <sys/mman.h>
#include <thread>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

__attribute__((visibility("default"), tls_model("initial-exec"))) __thread EmulatorThread* emulator_thread = nullptr;

namespace emulator
{
namespace
{
constexpr unsigned ALL_LANES = 0xffffffffu;

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

/// Host threads that wait for work and share the blocks of a launch. Never destroyed: the process may end while they wait.
class Workers
{
public:
    static Workers& instance()
    {
        static Workers* workers = new Workers;
        return *workers;
    }

    void run(Launch& launch, unsigned count)
    {
        std::lock_guard<std::mutex> one_launch(launch_mutex_);
        {
            std::lock_guard<std::mutex> lock(mutex_);
            while (threads_ < count - 1)
            {
                std::thread([this, number = threads_] { loop(number); }).detach();
                threads_++;
            }
            launch_ = &launch;
            wanted_ = count - 1;
            running_ = count - 1;
            turn_++;
        }
        begin_.notify_all();
        Runner::of_this_thread().run(launch);
        std::unique_lock<std::mutex> lock(mutex_);
        end_.wait(lock, [this] { return running_ == 0; });
    }

private:
    void loop(unsigned number)
    {
        uint64_t seen = 0;
        for (;;)
        {
            Launch* launch;
            {
                std::unique_lock<std::mutex> lock(mutex_);
                begin_.wait(lock, [&] { return turn_ != seen; });
                seen = turn_;
                if (number >= wanted_)
                    continue;
                launch = launch_;
            }
            Runner::of_this_thread().run(*launch);
            std::lock_guard<std::mutex> lock(mutex_);
            if (--running_ == 0)
                end_.notify_one();
        }
    }

    std::mutex launch_mutex_, mutex_;
    std::condition_variable begin_, end_;
    Launch* launch_ = nullptr;
    unsigned threads_ = 0, wanted_ = 0, running_ = 0;
    uint64_t turn_ = 0;
};
}

dim3 Launch::block_index(uint64_t number) const
{
    if (!block_order.empty())
        number = block_order[number];
    else if (schedule.order == Order::Reverse)
        number = blocks() - 1 - number;
    return dim3{static_cast<unsigned>(number % grid.x), static_cast<unsigned>(number / grid.x % grid.y), static_cast<unsigned>(number / grid.x / grid.y)};
}

std::string describe(dim3 value)
{
    return "(" + std::to_string(value.x) + ", " + std::to_string(value.y) + ", " + std::to_string(value.z) + ")";
}

std::string describe_thread(const Thread& thread)
{
    return "block " + describe(thread.block) + ", thread " + describe(thread.thread) + " (warp " + std::to_string(thread.linear / 32) + ", lane " + std::to_string(thread.lane) + ")";
}

void execute(Launch& launch)
{
    if (launch.schedule.order == Order::RandomPriorities)
    {
        // A random order of the blocks, as far as it can be written down.
        uint64_t state = launch.schedule.seed * 0x9E3779B97F4A7C15ull | 1;
        if (launch.blocks() <= (1u << 24))
        {
            launch.block_order.resize(launch.blocks());
            for (uint32_t i = 0; i < launch.block_order.size(); i++)
                launch.block_order[i] = i;
            for (size_t i = launch.block_order.size(); i > 1; i--)
            {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                std::swap(launch.block_order[i - 1], launch.block_order[state % i]);
            }
        }
    }
    unsigned workers = static_cast<unsigned>(std::min<uint64_t>(launch.schedule.workers, launch.blocks()));
    if (workers > 1)
        Workers::instance().run(launch, workers);
    else
        Runner::of_this_thread().run(launch);
}

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

void Runner::explain_deadlock()
{
    for (auto& block : blocks_)
    {
        if (!block->active)
            continue;
        std::string text = "deadlock: of " + std::to_string(block->thread_count) + " threads ";
        text += std::to_string(block->at_barrier) + " wait in __syncthreads, " + std::to_string(block->exited) + " have ended";
        for (unsigned i = 0; i < (block->thread_count + 31) / 32; i++)
        {
            Warp& warp = block->warps[i];
            if (warp.arrived == 0)
                continue;
            char mask[16];
            std::snprintf(mask, sizeof mask, "0x%08x", warp.arrived);
            text += ", lanes " + std::string(mask) + " of warp " + std::to_string(i) + " wait in " + operation_name(warp.operation) + " for the others";
        }
        for (unsigned i = 0; i < block->thread_count; i++)
            if (block->threads[i].state == ThreadState::AtBarrier)
            {
                text += "; the barrier is " + std::string(block->threads[i].barrier_file) + ":" + std::to_string(block->threads[i].barrier_line);
                break;
            }
        fail(CUDA_ERROR_LAUNCH_TIMEOUT, text, nullptr);
    }
    fail(CUDA_ERROR_LAUNCH_FAILED, "no thread can run", nullptr);
}

void Runner::fail(int error, const std::string& what, const void* code)
{
    Launch& launch = *launch_;
    {
        std::lock_guard<std::mutex> lock(launch.mutex);
        if (launch.finding.error == 0)
        {
            std::string line = code == nullptr ? "" : source_line(launch.code, code);
            launch.finding.error = error;
            launch.finding.text = std::string(launch.kernel->name) + ": " + what + "\n  at " + (line.empty() ? "" : line + ", ") + describe_thread(*current_) + ", grid " + describe(launch.grid) +
                                  ", block size " + describe(launch.block) + ", dynamic shared memory " + std::to_string(launch.dynamic_shared) + " bytes, on " + launch.device_name;
        }
    }
    launch.stopped = true;
    abandoned_ = true;
    Fiber* here = current_->fiber;
    switch_fiber(*here, main_);
    __builtin_unreachable();
}

std::string source_line(const CodeRange& range, const void* code)
{
    uintptr_t address = reinterpret_cast<uintptr_t>(code);
    if (range.file.empty() || address < range.base || address >= range.end)
        return "";
    char offset[32];
    std::snprintf(offset, sizeof offset, "0x%zx", static_cast<size_t>(address - 1 - range.base));
    std::string output;
    if (run_process({"addr2line", "-i", "-s", "-e", range.file, offset}, "", output) != 0)
        return "";
    // Innermost first; helpers of the thin layer come before the line of the kernel that called them.
    std::string text;
    size_t begin = 0;
    while (begin < output.size())
    {
        size_t end = output.find('\n', begin);
        if (end == std::string::npos)
            end = output.size();
        std::string line = output.substr(begin, end - begin);
        begin = end + 1;
        size_t discriminator = line.find(" (discriminator");
        if (discriminator != std::string::npos)
            line.resize(discriminator);
        if (line.empty() || line[0] == '?')
            continue;
        text += (text.empty() ? "" : " called from ") + line;
    }
    return text;
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

namespace
{
/// The lane arrives at a warp operation; true for the last one, which must finish the operation and call release.
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

/// All lanes but the current one become ready; the current one runs on.
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

namespace
{
struct MultiplyAccumulate
{
    float c[4];
    unsigned a[4], b[2];
};

float lower(unsigned packed)
{
    unsigned bits = packed << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

float upper(unsigned packed)
{
    unsigned bits = packed & 0xffff0000u;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

/// The product of one warp from what its lanes posted; a sum is one chain over k in order. (Products of two bfloat16 are exact in float, so fused or not is the same.)
void multiply(unsigned char (*slots)[64])
{
    alignas(64) float a[16][16], b[16][8], d[16][8];
    for (int lane = 0; lane < 32; lane++)
    {
        MultiplyAccumulate m;
        std::memcpy(&m, slots[lane], sizeof m);
        int row = lane / 4, column = lane % 4 * 2;
        a[row][column] = lower(m.a[0]);
        a[row][column + 1] = upper(m.a[0]);
        a[row + 8][column] = lower(m.a[1]);
        a[row + 8][column + 1] = upper(m.a[1]);
        a[row][column + 8] = lower(m.a[2]);
        a[row][column + 9] = upper(m.a[2]);
        a[row + 8][column + 8] = lower(m.a[3]);
        a[row + 8][column + 9] = upper(m.a[3]);
        b[column][row] = lower(m.b[0]);
        b[column + 1][row] = upper(m.b[0]);
        b[column + 8][row] = lower(m.b[1]);
        b[column + 9][row] = upper(m.b[1]);
        d[row][column] = m.c[0];
        d[row][column + 1] = m.c[1];
        d[row + 8][column] = m.c[2];
        d[row + 8][column + 1] = m.c[3];
    }
    for (int i = 0; i < 16; i++)
    {
        float sum[8];
        for (int j = 0; j < 8; j++)
            sum[j] = d[i][j];
        for (int k = 0; k < 16; k++)
            for (int j = 0; j < 8; j++)
                sum[j] += a[i][k] * b[k][j];
        for (int j = 0; j < 8; j++)
            d[i][j] = sum[j];
    }
    for (int lane = 0; lane < 32; lane++)
    {
        int row = lane / 4, column = lane % 4 * 2;
        float c[4] = {d[row][column], d[row][column + 1], d[row + 8][column], d[row + 8][column + 1]};
        std::memcpy(slots[lane], c, sizeof c);
    }
}

/// From the 32 row addresses to the four registers of every lane.
void load_matrices(unsigned char (*slots)[64], bool transposed)
{
    uint16_t matrix[4][8][8];
    for (int lane = 0; lane < 32; lane++)
    {
        const void* row;
        std::memcpy(&row, slots[lane], sizeof row);
        std::memcpy(matrix[lane / 8][lane % 8], row, 16);
    }
    for (int lane = 0; lane < 32; lane++)
        for (int m = 0; m < 4; m++)
        {
            int row = lane / 4, column = lane % 4 * 2;
            uint16_t pair[2] = {transposed ? matrix[m][column][row] : matrix[m][row][column], transposed ? matrix[m][column + 1][row] : matrix[m][row][column + 1]};
            std::memcpy(slots[lane] + 4 * m, pair, 4);
        }
}
}

extern "C" __attribute__((visibility("default"))) void emulator_multiply_accumulate(float* c, const unsigned* a, unsigned b0, unsigned b1)
{
    Thread& thread = current_thread();
    Warp& warp = *thread.warp;
    unsigned char(*slots)[64] = warp.slots[warp.generation & 1];
    MultiplyAccumulate value;
    std::memcpy(value.c, c, sizeof value.c);
    std::memcpy(value.a, a, sizeof value.a);
    value.b[0] = b0;
    value.b[1] = b1;
    std::memcpy(slots[thread.lane], &value, sizeof value);
    if (arrive(thread, 8, ALL_LANES, sizeof value, __builtin_return_address(0)))
    {
        multiply(slots);
        release(thread);
    }
    else
        wait_in_warp(thread);
    std::memcpy(c, slots[thread.lane], 16);
}

extern "C" __attribute__((visibility("default"))) void emulator_load_matrix(unsigned* r, const void* row, int transposed)
{
    Thread& thread = current_thread();
    Warp& warp = *thread.warp;
    unsigned char(*slots)[64] = warp.slots[warp.generation & 1];
    if (thread.resident->checked)
        check_matrix_row(thread, row, __builtin_return_address(0));
    std::memcpy(slots[thread.lane], &row, sizeof row);
    if (arrive(thread, transposed != 0 ? 7 : 6, ALL_LANES, sizeof row, __builtin_return_address(0)))
    {
        load_matrices(slots, transposed != 0);
        release(thread);
    }
    else
        wait_in_warp(thread);
    std::memcpy(r, slots[thread.lane], 16);
}

extern "C" __attribute__((visibility("default"))) void* emulator_dynamic_shared()
{
    return current_thread().resident->dynamic_shared();
}

extern "C" __attribute__((visibility("default"))) void* emulator_static_shared(const EmulatorSharedSite* site)
{
    Thread& thread = current_thread();
    Block& block = *thread.resident;
    for (StaticShared& known : block.static_sites)
        if (known.site == site)
            return block.shared + known.offset;
    // First use in this block; the offset is that of the launch's first use.
    Launch& launch = *block.launch;
    unsigned offset = 0;
    bool too_much = false;
    {
        std::lock_guard<std::mutex> lock(launch.mutex);
        for (StaticShared& known : launch.static_sites)
            if (known.site == site)
                offset = known.offset;
        if (offset == 0)
        {
            unsigned gap = SHARED_GAP;
            unsigned end = SHARED_GAP + launch.dynamic_shared;
            if (!launch.static_sites.empty())
                end = launch.static_sites.back().offset + launch.static_sites.back().site->bytes;
            // A multiple of 16, as declared, and of no more.
            offset = (end + gap + 31) / 32 * 32 + 16;
            launch.static_bytes += (site->bytes + 15) / 16 * 16;
            too_much = launch.static_bytes > launch.static_shared_limit || launch.static_bytes + launch.dynamic_shared > launch.total_shared_limit;
            launch.static_sites.push_back({site, offset});
        }
    }
    if (too_much)
        block.runner->fail(CUDA_ERROR_INVALID_VALUE, "shared memory: " + std::to_string(launch.static_bytes) + " bytes declared and " + std::to_string(launch.dynamic_shared) + " dynamic, the limit is " +
                           std::to_string(launch.total_shared_limit) + " (" + std::to_string(launch.static_shared_limit) + " declared)", __builtin_return_address(0));
    block.static_sites.push_back({site, offset});
    if (block.checked)
        std::memset(block.shared + offset, 0xFF, site->bytes);
#if defined(__SANITIZE_ADDRESS__)
    ASAN_UNPOISON_MEMORY_REGION(block.shared + offset, site->bytes);
#endif
    return block.shared + offset;
}
