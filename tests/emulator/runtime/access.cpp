#include "access.h"

#include "cuda_errors.h"
#include "memory.h"

#include <cstring>
#include <string>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace emulator
{
namespace
{
constexpr uint32_t SERIAL = SHADOW_MAXIMUM_SERIAL;
constexpr uint32_t WRITE_ATOMIC = 1u << 29, WRITE_IN_FLIGHT = 1u << 30;
constexpr uint32_t READ_BY_LANES = 1u << 29, READ_BY_WARPS = 1u << 30, READ_BY_BLOCKS = 1u << 31;
constexpr uint32_t THREAD = 1023;

struct Here
{
    Thread& thread;
    Block& block;
    const void* code;
    uint32_t serial;
    /// Cells with a smaller serial number are of earlier launches, or in shared memory of earlier blocks.
    uint32_t first_serial;
    bool whole_warp;
};

/// In one line what the memory at an address is.
std::string describe_address(const Block& block, uintptr_t address)
{
    uintptr_t shared = reinterpret_cast<uintptr_t>(block.shared);
    if (address - shared < SHARED_CAPACITY)
    {
        uintptr_t offset = address - shared;
        std::string nearest = "shared memory";
        auto region = [&](const std::string& name, unsigned begin, unsigned bytes) {
            if (offset + SHARED_GAP < begin || offset >= begin + bytes + SHARED_GAP)
                return;
            nearest = offset < begin            ? std::to_string(begin - offset) + " bytes before " + name
                      : offset < begin + bytes ? "byte " + std::to_string(offset - begin) + " of " + name
                                               : std::to_string(offset - begin - bytes) + " bytes behind the end of " + name;
            nearest += " (" + std::to_string(bytes) + " bytes)";
        };
        region("dynamic shared memory", SHARED_GAP, block.launch->dynamic_shared);
        for (const StaticShared& site : block.static_sites)
            region("the shared array " + std::string(site.site->name), site.offset, site.site->bytes);
        return nearest;
    }
    for (auto& other : block.runner->blocks())
        if (address - reinterpret_cast<uintptr_t>(other->shared) < SHARED_CAPACITY)
            return "the shared memory of another block " + describe(other->index);
    if (block.launch->device_memory->holds(address))
        return block.launch->device_memory->describe(address);
    if (block.launch->host_memory->holds(address))
        return block.launch->host_memory->describe(address);
    for (unsigned i = 0; i < block.thread_count; i++)
    {
        const Thread& thread = block.threads[i];
        if (thread.fiber != nullptr && thread.state != ThreadState::Exited && address - reinterpret_cast<uintptr_t>(thread.fiber->stack_low) < thread.fiber->stack_bytes)
            return "a local variable of thread " + describe(thread.thread);
    }
    char text[120];
    std::snprintf(text, sizeof text, address < 4096 ? "a null pointer plus %zu bytes" : "address 0x%zx, which is no memory of the device", static_cast<size_t>(address));
    return text;
}

const char* verb(Access kind) { return kind == Access::Read ? "reads" : kind == Access::Write ? "writes" : "updates atomically"; }

[[noreturn]] void report_race(const Here& here, uintptr_t address, Access kind, const ShadowCell& cell, bool with_write, uint32_t earlier_code)
{
    Block& block = here.block;
    uint32_t earlier = with_write ? cell.write_block : cell.read_block;
    uint32_t time = with_write ? cell.write_time : cell.read_time;
    bool same_block = (earlier & SERIAL) == here.serial && (with_write || (earlier & READ_BY_BLOCKS) == 0);
    std::string who;
    if (with_write && (earlier & WRITE_IN_FLIGHT) != 0)
        who = "an asynchronous copy of thread " + describe(block.threads[time & THREAD].thread) + " that is not known to have finished may still write it (copy_async_wait by that thread, then a barrier)";
    else
    {
        if (!same_block)
        {
            uint64_t number = (earlier & SERIAL) - block.launch->first_serial;
            who = !with_write && (earlier & READ_BY_BLOCKS) != 0 ? "several blocks" : "block " + describe(block.launch->block_index(number));
            if (with_write || (earlier & READ_BY_BLOCKS) == 0)
                who += ", thread " + std::to_string(time & THREAD);
        }
        else if (!with_write && (earlier & READ_BY_WARPS) != 0)
            who = "several warps of the block";
        else if (!with_write && (earlier & READ_BY_LANES) != 0)
            who = "several lanes of warp " + std::to_string((time & THREAD) / 32);
        else
            who = "thread " + describe(block.threads[time & THREAD].thread);
        bool several = !with_write && (earlier & (READ_BY_BLOCKS | READ_BY_WARPS | READ_BY_LANES)) != 0;
        who += with_write ? ((earlier & WRITE_ATOMIC) != 0 ? " updated it atomically" : " wrote it") : several ? " have read it" : " read it";
        if (earlier_code != 0)
        {
            std::string line = source_line(block.launch->code, reinterpret_cast<const void*>(block.launch->code.base + earlier_code));
            if (!line.empty())
                who += " at " + line;
        }
        bool same_warp = same_block && (time & THREAD) / 32 == here.thread.linear / 32 && (with_write || (earlier & READ_BY_WARPS) == 0);
        who += !same_block ? ", and blocks of one launch are not ordered" : same_warp ? ", with no __syncwarp or __syncthreads between" : ", with no __syncthreads between";
    }
    block.runner->fail(CUDA_ERROR_LAUNCH_FAILED, "race: the thread " + std::string(verb(kind)) + " " + describe_address(block, address) + ", " + who, here.code);
}

/// Compares one access with what the cell knows, and enters it. `code_cell` is where the access's code is kept, or null.
inline void check_races(const Here& here, uintptr_t address, Access kind, ShadowCell& cell, uint32_t* write_code)
{
    const Block& block = here.block;
    const uint32_t serial = here.serial, thread = here.thread.linear, warp = thread / 32;
    const uint32_t warp_start = here.thread.warp->start;
    const uint32_t now = block.clock << 10 | thread;

    // Against the last write.
    uint32_t writer_block = cell.write_block & SERIAL;
    if (writer_block >= here.first_serial)
    {
        if (writer_block != serial)
        {
            if (!((cell.write_block & WRITE_ATOMIC) != 0 && kind == Access::Atomic))
                report_race(here, address, kind, cell, true, 0);
        }
        else
        {
            uint32_t writer = cell.write_time & THREAD, time = cell.write_time >> 10;
            if ((cell.write_block & WRITE_IN_FLIGHT) != 0)
                report_race(here, address, kind, cell, true, 0);
            bool ordered = writer == thread ? !here.whole_warp || time < warp_start : writer / 32 == warp ? time < warp_start : time < block.barrier;
            if (!ordered && !((cell.write_block & WRITE_ATOMIC) != 0 && kind == Access::Atomic))
                report_race(here, address, kind, cell, true, write_code == nullptr ? 0 : *write_code);
        }
    }

    uint32_t reader_block = cell.read_block & SERIAL;
    if (kind == Access::Read)
    {
        uint32_t lanes = here.whole_warp ? READ_BY_LANES : 0;
        if (reader_block < here.first_serial)
            cell.read_block = serial | lanes;
        else if (reader_block != serial || (cell.read_block & READ_BY_BLOCKS) != 0)
            cell.read_block = serial | READ_BY_BLOCKS;
        else
        {
            uint32_t reader = cell.read_time & THREAD, time = cell.read_time >> 10;
            if (time < block.barrier)
                cell.read_block = serial | lanes;
            else if ((cell.read_block & READ_BY_WARPS) != 0 || reader / 32 != warp)
                cell.read_block = serial | READ_BY_WARPS;
            else if (time < warp_start)
                cell.read_block = serial | lanes;
            else if (reader != thread)
                cell.read_block = serial | READ_BY_LANES;
            else
                cell.read_block |= lanes;
        }
        cell.read_time = now;
        return;
    }

    // A write, against the reads since the last one.
    if (reader_block >= here.first_serial)
    {
        bool race;
        if (reader_block != serial || (cell.read_block & READ_BY_BLOCKS) != 0)
            race = true;
        else
        {
            uint32_t reader = cell.read_time & THREAD, time = cell.read_time >> 10;
            if ((cell.read_block & READ_BY_WARPS) != 0 || reader / 32 != warp)
                race = time >= block.barrier;
            else
                race = time >= warp_start && (reader != thread || (cell.read_block & READ_BY_LANES) != 0);
        }
        if (race)
            report_race(here, address, kind, cell, false, 0);
    }
    cell.write_block = serial | (kind == Access::Atomic ? WRITE_ATOMIC : 0);
    cell.write_time = now;
    cell.read_block = 0;
    if (write_code != nullptr)
        *write_code = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(here.code) - block.launch->code.base);
}

[[noreturn]] void report_bounds(Thread& thread, uintptr_t address, unsigned bytes, Access kind, const void* code)
{
    thread.resident->runner->fail(CUDA_ERROR_ILLEGAL_ADDRESS, "the thread " + std::string(verb(kind)) + " " + std::to_string(bytes) + " bytes at " + describe_address(*thread.resident, address), code);
}

bool within_shared(const Block& block, uintptr_t offset, unsigned bytes)
{
    if (offset >= SHARED_GAP && offset + bytes <= SHARED_GAP + block.launch->dynamic_shared)
        return true;
    for (const StaticShared& site : block.static_sites)
        if (offset >= site.offset && offset + bytes <= site.offset + site.site->bytes)
            return true;
    return false;
}

void check_shared(Thread& thread, uintptr_t address, unsigned bytes, Access kind, const void* code, bool whole_warp)
{
    Block& block = *thread.resident;
    uintptr_t offset = address - reinterpret_cast<uintptr_t>(block.shared);
    if (!within_shared(block, offset, bytes))
        report_bounds(thread, address, bytes, kind, code);
    // Neighbouring bytes share a cell: single bytes are checked for bounds alone.
    if (bytes == 1)
        return;
    Here here{thread, block, code, block.shared_serial, block.shared_serial, whole_warp};
    for (uintptr_t cell = offset / SHADOW_GRANULE; cell <= (offset + bytes - 1) / SHADOW_GRANULE; cell++)
        check_races(here, reinterpret_cast<uintptr_t>(block.shared) + cell * SHADOW_GRANULE, kind, block.shared_shadow[cell], block.shared_code + cell);
}

void check_global(Thread& thread, Memory& memory, uintptr_t address, unsigned bytes, Access kind, const void* code)
{
    Block& block = *thread.resident;
    if (memory.find(address, bytes) == nullptr)
        report_bounds(thread, address, bytes, kind, code);
    if (bytes == 1 || !memory.has_shadow())
        return;
    Here here{thread, block, code, block.serial, block.launch->first_serial, false};
    ShadowCell* cell = memory.shadow(address);
    for (uintptr_t at = address; at < address + bytes; at += SHADOW_GRANULE, cell++)
        check_races(here, at, kind, *cell, nullptr);
}

bool in_stack(const Thread& thread, uintptr_t address) { return address - reinterpret_cast<uintptr_t>(thread.fiber->stack_low) < thread.fiber->stack_bytes; }

/// Memory that is neither shared nor the device's.
void check_elsewhere(Thread& thread, uintptr_t address, unsigned bytes, Access kind, const void* code)
{
    Block& block = *thread.resident;
    Launch& launch = *block.launch;
    if (launch.host_memory->holds(address))
    {
        check_global(thread, *launch.host_memory, address, bytes, kind, code);
        return;
    }
    // What the lanes of the warp exchanged.
    if (kind == Access::Read && address - reinterpret_cast<uintptr_t>(thread.warp->slots) < sizeof thread.warp->slots)
        return;
    // Constant tables and what describes shared arrays.
    if (kind == Access::Read && address >= launch.code.base && address < launch.code.end)
        return;
    report_bounds(thread, address, bytes, kind, code);
}

enum class Space
{
    Any,
    Global,
    Shared,
};

inline void check(uintptr_t address, unsigned bytes, Access kind, const void* code, bool aligned = true, Space space = Space::Any)
{
    if (emulator_thread == nullptr)
        return;
    Thread& thread = current_thread();
    Block& block = *thread.resident;
    // Its own index and local variables.
    if (address - reinterpret_cast<uintptr_t>(emulator_thread) < sizeof(EmulatorThread) || in_stack(thread, address) || !block.checked)
        return;
    if (aligned && address % bytes != 0)
        block.runner->fail(CUDA_ERROR_MISALIGNED_ADDRESS, "the thread " + std::string(verb(kind)) + " " + std::to_string(bytes) + " bytes in one access at an address that is no multiple of " +
                           std::to_string(bytes) + ": " + describe_address(block, address), code);
    if (address - reinterpret_cast<uintptr_t>(block.shared) < SHARED_CAPACITY)
    {
        if (space == Space::Global)
            block.runner->fail(CUDA_ERROR_INVALID_ADDRESS_SPACE, "load_vector or store_vector on shared memory (use the shared spelling): " + describe_address(block, address), code);
        check_shared(thread, address, bytes, kind, code, false);
        return;
    }
    if (space == Space::Shared)
        block.runner->fail(CUDA_ERROR_INVALID_ADDRESS_SPACE, "an access that must be to shared memory: " + describe_address(block, address), code);
    if (block.launch->device_memory->holds(address))
        check_global(thread, *block.launch->device_memory, address, bytes, kind, code);
    else
        check_elsewhere(thread, address, bytes, kind, code);
}

inline void check(const void* address, unsigned bytes, Access kind, const void* code, bool aligned = true, Space space = Space::Any)
{
    check(reinterpret_cast<uintptr_t>(address), bytes, kind, code, aligned, space);
}
}

void advance_clock(Block& block, Runner& runner)
{
    if (block.clock++ == SHADOW_MAXIMUM_CLOCK && block.checked)
        runner.fail(CUDA_ERROR_LAUNCH_TIMEOUT, "more than 4 million barriers in one block: beyond what the race check can count", nullptr);
}

void check_matrix_row(Thread& thread, const void* row, const void* code)
{
    Block& block = *thread.resident;
    uintptr_t address = reinterpret_cast<uintptr_t>(row);
    if (address - reinterpret_cast<uintptr_t>(block.shared) >= SHARED_CAPACITY)
        block.runner->fail(CUDA_ERROR_INVALID_ADDRESS_SPACE, "a matrix load from what is not shared memory: " + describe_address(block, address), code);
    if (address % 16 != 0)
        block.runner->fail(CUDA_ERROR_MISALIGNED_ADDRESS, "a matrix load whose row is no multiple of 16: " + describe_address(block, address), code);
    check_shared(thread, address, 16, Access::Read, code, true);
}

void finish_copy(Thread& thread, const AsyncCopy& copy)
{
    Block& block = *thread.resident;
    if (block.launch->schedule.late_copies)
    {
        std::memcpy(copy.shared, copy.global, static_cast<size_t>(copy.bytes));
        std::memset(copy.shared + copy.bytes, 0, static_cast<size_t>(16 - copy.bytes));
    }
    if (!block.checked)
        return;
    uintptr_t first = (reinterpret_cast<uintptr_t>(copy.shared) - reinterpret_cast<uintptr_t>(block.shared)) / SHADOW_GRANULE;
    for (uintptr_t cell = first; cell < first + 16 / SHADOW_GRANULE; cell++)
    {
        block.shared_shadow[cell].write_block = block.shared_serial;
        block.shared_shadow[cell].write_time = block.clock << 10 | thread.linear;
    }
}
}

using namespace emulator;

EXPORT void emulator_load_vector(void* value, const void* address, int shared)
{
    check(address, 16, Access::Read, __builtin_return_address(0), true, shared != 0 ? Space::Shared : Space::Global);
    std::memcpy(value, address, 16);
}

EXPORT void emulator_store_vector(void* address, const void* value, int shared)
{
    check(address, 16, Access::Write, __builtin_return_address(0), true, shared != 0 ? Space::Shared : Space::Global);
    std::memcpy(address, value, 16);
}

EXPORT void emulator_copy_async(void* shared, const void* global, int bytes)
{
    Thread& thread = current_thread();
    Block& block = *thread.resident;
    const void* code = __builtin_return_address(0);
    if (bytes < 0 || bytes > 16)
        block.runner->fail(CUDA_ERROR_ILLEGAL_INSTRUCTION, "an asynchronous copy of " + std::to_string(bytes) + " bytes: 0 to 16 are possible", code);
    AsyncCopy copy{static_cast<unsigned char*>(shared), static_cast<const unsigned char*>(global), bytes, thread.open_group};
    if (block.checked)
    {
        uintptr_t target = reinterpret_cast<uintptr_t>(shared), source = reinterpret_cast<uintptr_t>(global);
        if (target - reinterpret_cast<uintptr_t>(block.shared) >= SHARED_CAPACITY)
            block.runner->fail(CUDA_ERROR_INVALID_ADDRESS_SPACE, "an asynchronous copy to what is not shared memory: " + describe_address(block, target), code);
        if (target % 16 != 0)
            block.runner->fail(CUDA_ERROR_MISALIGNED_ADDRESS, "an asynchronous copy to an address that is no multiple of 16: " + describe_address(block, target), code);
        if (source % 16 != 0)
            block.runner->fail(CUDA_ERROR_MISALIGNED_ADDRESS, "an asynchronous copy from an address that is no multiple of 16: " + describe_address(block, source), code);
        if (bytes > 0)
        {
            if (block.launch->device_memory->holds(source))
                check_global(thread, *block.launch->device_memory, source, static_cast<unsigned>(bytes), Access::Read, code);
            else if (block.launch->host_memory->holds(source))
                check_global(thread, *block.launch->host_memory, source, static_cast<unsigned>(bytes), Access::Read, code);
            else
                report_bounds(thread, source, static_cast<unsigned>(bytes), Access::Read, code);
        }
        check_shared(thread, target, 16, Access::Write, code, false);
        uintptr_t first = (target - reinterpret_cast<uintptr_t>(block.shared)) / SHADOW_GRANULE;
        for (uintptr_t cell = first; cell < first + 16 / SHADOW_GRANULE; cell++)
            block.shared_shadow[cell].write_block |= WRITE_IN_FLIGHT;
    }
    if (!block.launch->schedule.late_copies)
    {
        std::memcpy(shared, global, static_cast<size_t>(bytes));
        std::memset(static_cast<unsigned char*>(shared) + bytes, 0, static_cast<size_t>(16 - bytes));
        if (!block.checked)
            return;
    }
    thread.copies.push_back(copy);
}

EXPORT void emulator_copy_async_commit() { current_thread().open_group++; }

EXPORT void emulator_copy_async_wait(int pending)
{
    Thread& thread = current_thread();
    size_t finished = 0;
    while (finished < thread.copies.size() && static_cast<int>(thread.open_group - thread.copies[finished].group) > pending)
        finish_copy(thread, thread.copies[finished++]);
    if (finished > 0)
        thread.copies.erase(thread.copies.begin(), thread.copies.begin() + static_cast<long>(finished));
}

namespace
{
template <class T> T update(T* address, T value, int operation, const void* code)
{
    check(address, sizeof(T), Access::Atomic, code);
    T old = __atomic_load_n(address, __ATOMIC_RELAXED), next;
    do
    {
        switch (operation)
        {
        case EMULATOR_ADD: next = static_cast<T>(static_cast<unsigned long long>(old) + static_cast<unsigned long long>(value)); break;
        case EMULATOR_MAXIMUM: next = old > value ? old : value; break;
        case EMULATOR_MINIMUM: next = old < value ? old : value; break;
        case EMULATOR_OR: next = old | value; break;
        case EMULATOR_AND: next = old & value; break;
        default: next = value; break;
        }
    } while (!__atomic_compare_exchange_n(address, &old, next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return old;
}
}

EXPORT int emulator_atomic_int(int* address, int value, int operation) { return update(address, value, operation, __builtin_return_address(0)); }
EXPORT unsigned emulator_atomic_unsigned(unsigned* address, unsigned value, int operation) { return update(address, value, operation, __builtin_return_address(0)); }
EXPORT unsigned long long emulator_atomic_add_long(unsigned long long* address, unsigned long long value) { return update(address, value, EMULATOR_ADD, __builtin_return_address(0)); }

EXPORT unsigned emulator_atomic_compare_exchange(unsigned* address, unsigned expected, unsigned value)
{
    check(address, 4, Access::Atomic, __builtin_return_address(0));
    __atomic_compare_exchange_n(address, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
}

// What the compiler calls before every load and store of a kernel built with -fsanitize=thread. The sanitizer's own library is not linked.
#define REPORTED(bytes)                                                                                                                                          \
    EXPORT void __tsan_read##bytes(void* address) { check(address, bytes, Access::Read, __builtin_return_address(0)); }                                         \
    EXPORT void __tsan_write##bytes(void* address) { check(address, bytes, Access::Write, __builtin_return_address(0)); }                                       \
    EXPORT void __tsan_unaligned_read##bytes(void* address) { check(address, bytes, Access::Read, __builtin_return_address(0), false); }                        \
    EXPORT void __tsan_unaligned_write##bytes(void* address) { check(address, bytes, Access::Write, __builtin_return_address(0), false); }                      \
    EXPORT void __tsan_volatile_read##bytes(void* address) { check(address, bytes, Access::Read, __builtin_return_address(0)); }                                \
    EXPORT void __tsan_volatile_write##bytes(void* address) { check(address, bytes, Access::Write, __builtin_return_address(0)); }
REPORTED(1)
REPORTED(2)
REPORTED(4)
REPORTED(8)
REPORTED(16)

#ifndef __SANITIZE_ADDRESS__
// What the compiler calls where the index of an array of known length is outside it (-fsanitize=bounds): arrays of a thread's own are on the stack, where no shadow would tell.
// The replay has the sanitizer's own.
struct ArrayIndexSite
{
    const char* file;
    unsigned line, column;
    const void *array_type, *index_type;
};

EXPORT void __ubsan_handle_out_of_bounds(ArrayIndexSite* site, uintptr_t index)
{
    std::string text = "the index " + std::to_string(static_cast<intptr_t>(index)) + " is outside the array, in " + site->file + "(" + std::to_string(site->line) + ")";
    current_thread().resident->runner->fail(CUDA_ERROR_ILLEGAL_ADDRESS, text, __builtin_return_address(0));
}
#endif

EXPORT void __tsan_init() {}
EXPORT void __tsan_func_entry(void*) {}
EXPORT void __tsan_func_exit() {}
EXPORT void __tsan_vptr_update(void**, void*) {}

EXPORT void __tsan_read_range(void* address, unsigned long bytes)
{
    if (bytes > 0)
        check(address, static_cast<unsigned>(bytes), Access::Read, __builtin_return_address(0), false);
}

EXPORT void __tsan_write_range(void* address, unsigned long bytes)
{
    if (bytes > 0)
        check(address, static_cast<unsigned>(bytes), Access::Write, __builtin_return_address(0), false);
}
