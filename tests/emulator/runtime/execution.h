// Runs the blocks of one launch. A host thread has one Runner; a Runner holds one or several blocks at a time, whose threads are fibers.
//
// A thread runs until it waits (barrier, warp operation) or ends; then the schedule picks the next one. In order and reverse are cheap and deterministic; random warp priorities,
// redrawn at barriers, with several blocks in flight, are what finds orders that nobody thought of.
// Where to read first: Runner::run and Runner::wait in execution.cpp, then emulator_barrier and emulator_exchange in synchronization.cpp. What was wrong is put into words in findings.cpp.
#pragma once

#include "../include/emulator_abi.h"
#include "fiber.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

extern __thread EmulatorThread* emulator_thread;

namespace emulator
{
class Memory;
struct Block;
struct Launch;
class Runner;
struct ShadowCell;

enum class Order
{
    Forward,
    Reverse,
    RandomPriorities,
};

/// How a device runs a launch.
struct Schedule
{
    Order order = Order::Forward;
    /// Asynchronous copies happen at the wait instead of at the start.
    bool late_copies = false;
    /// Shared memory is poisoned, accesses of instrumented code are checked.
    bool checked = false;
    unsigned resident_blocks = 1;
    /// Host threads that share the blocks; more than one only when unchecked.
    unsigned workers = 1;
    uint64_t seed = 1;
    /// See watchdog.h.
    int turn_seconds = 15, launch_seconds = 300;
};

/// What a launch did wrong, with the CUDA error that hardware would give.
struct Finding
{
    int error = 0;
    std::string text;
};

/// Where a module lies in memory, for source lines and constant tables.
struct CodeRange
{
    uintptr_t base = 0, end = 0;
    /// A path under which addr2line finds the module.
    std::string file;
};

struct StaticShared
{
    const EmulatorSharedSite* site;
    unsigned offset;
};

struct Launch
{
    const EmulatorKernel* kernel = nullptr;
    CodeRange code;
    dim3 grid{1, 1, 1}, block{1, 1, 1};
    unsigned dynamic_shared = 0;
    unsigned static_shared_limit = 48 * 1024, total_shared_limit = 48 * 1024;
    void** parameters = nullptr;
    Schedule schedule;
    /// Device memory and the pinned host memory a kernel may reach, where accesses are checked.
    Memory* device_memory = nullptr;
    Memory* host_memory = nullptr;
    /// Blocks of this launch have the serial numbers first_serial and following; earlier numbers are earlier launches.
    uint32_t first_serial = 1;
    std::string device_name;

    std::atomic<uint64_t> next_block{0};
    std::atomic<bool> stopped{false};
    std::mutex mutex;
    Finding finding;
    std::vector<StaticShared> static_sites;
    unsigned static_bytes = 0;
    std::vector<uint32_t> block_order;

    uint64_t blocks() const { return static_cast<uint64_t>(grid.x) * grid.y * grid.z; }
    unsigned threads() const { return block.x * block.y * block.z; }
    dim3 block_index(uint64_t number) const;
};

enum class ThreadState : uint8_t
{
    Fresh,
    Ready,
    AtBarrier,
    AtWarp,
    Exited,
};

struct AsyncCopy
{
    unsigned char* shared;
    const unsigned char* global;
    int bytes;
    unsigned group;
};

struct Warp;

struct Thread : EmulatorThread
{
    unsigned linear = 0, lane = 0;
    ThreadState state = ThreadState::Fresh;
    Block* resident = nullptr;
    Warp* warp = nullptr;
    Fiber* fiber = nullptr;
    const char* barrier_file = nullptr;
    int barrier_line = 0;
    std::vector<AsyncCopy> copies;
    unsigned open_group = 0;
};

struct Warp
{
    alignas(64) unsigned char slots[2][32][64];
    unsigned lanes = 0, ready = 0, arrived = 0, exited = 0;
    unsigned generation = 0;
    int operation = 0;
    unsigned bytes = 0;
    uint32_t priority = 0;
    bool descending = false;
    /// The block's clock when this warp last synchronized: earlier accesses of its lanes are ordered before what they do now.
    uint32_t start = 0;
};

/// Gaps around the shared arrays of a checked block, so that an access beside one is seen.
constexpr unsigned SHARED_GAP = 128;
constexpr unsigned SHARED_CAPACITY = 256 * 1024 + 64 * 1024;

struct Block
{
    Launch* launch = nullptr;
    Runner* runner = nullptr;
    bool active = false, checked = false;
    dim3 index{0, 0, 0};
    /// The block's number in the shadow of device memory, and of the shared memory it has for a while.
    uint32_t serial = 0, shared_serial = 0;
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    unsigned ready_warps = 0, at_barrier = 0, exited = 0, thread_count = 0;
    /// Counts block barriers and warp barriers; `barrier` is its value at the last block barrier.
    uint32_t clock = 0, barrier = 0;

    unsigned char* shared = nullptr;
    std::vector<StaticShared> static_sites;
    ShadowCell* shared_shadow = nullptr;
    uint32_t* shared_code = nullptr;

    unsigned char* dynamic_shared() const { return shared + SHARED_GAP; }
};

/// The engine of one host thread.
class Runner
{
public:
    static Runner& of_this_thread();
    Runner();
    ~Runner();

    /// Takes blocks of the launch until none is left or the launch is stopped.
    void run(Launch& launch);

    /// The current thread waits: another one runs, and this returns when the thread has been made ready and picked.
    void wait();
    void make_ready(Thread& thread);
    void redraw_priorities(Block& block);
    uint64_t random();

    /// Ends the launch with a finding; the fibers are abandoned.
    [[noreturn]] void fail(int error, const std::string& what, const void* code);

    /// How often threads have taken turns; the watchdog looks for a thread that never ends its turn.
    uint64_t turns() const { return turns_.load(std::memory_order_relaxed); }
    /// Set by the watchdog: the launch has taken too long, whoever waits next ends it.
    void expire() { expired_.store(true, std::memory_order_relaxed); }

    Thread& current() { return *current_; }
    Launch& launch() { return *launch_; }
    std::vector<std::unique_ptr<Block>>& blocks() { return blocks_; }

private:
    static void fiber_entry();
    void fiber_loop();
    bool start_block(Block& block);
    void finish_thread(Thread& thread);
    Thread* pick();
    Thread* pick_from(Block& block, unsigned warp);
    void become(Thread& thread);
    void explain_deadlock();

    Launch* launch_ = nullptr;
    Thread* current_ = nullptr;
    Block* current_block_ = nullptr;
    Fiber main_;
    FiberPool fibers_;
    std::vector<std::unique_ptr<Block>> blocks_;
    unsigned active_blocks_ = 0;
    uint64_t random_ = 1;
    uint32_t next_shared_serial_ = 1;
    bool abandoned_ = false;
    std::atomic<uint64_t> turns_{0};
    std::atomic<bool> expired_{false};
};

inline Thread& current_thread() { return *static_cast<Thread*>(emulator_thread); }

/// launch.cpp: runs a launch to its end with the workers its schedule names; the finding is in the launch.
void execute(Launch& launch);

std::string describe_thread(const Thread& thread);
std::string describe(dim3 value);
/// "rmsnorm.cu:57", through inlined functions, or "" when unknown. `code` is a return address.
std::string source_line(const CodeRange& range, const void* code);
}
