// Device memory: a reserved range of addresses in which every allocation has pages of its own with unmapped pages around it, and in which freed addresses come back late or never.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace emulator
{
struct ShadowCell;

struct Allocation
{
    uint64_t number;
    uintptr_t base;
    size_t size;
    bool live;
    /// The entry point that made it and the context it belongs to.
    const char* origin;
    const void* owner;
};

class Memory
{
public:
    /// `poisoned`: new memory holds 0xFF bytes (NaN), and bases are multiples of 256 and of no more. `shadowed`: there is a shadow for races.
    Memory(const char* name, size_t reserve, bool poisoned, bool shadowed);

    /// 0 if the range is exhausted.
    uintptr_t allocate(size_t bytes, const char* origin, const void* owner);
    /// False if the address is not the base of a live allocation.
    bool free(uintptr_t base);
    void free_all(const void* owner);

    bool holds(uintptr_t address) const { return address - base_ < reserve_; }
    uintptr_t base() const { return base_; }
    size_t reserve() const { return reserve_; }
    /// The live allocation that holds all of the range, or null.
    const Allocation* find(uintptr_t address, size_t bytes) const;
    /// The allocation, live or freed, whose pages hold the address, or null.
    const Allocation* at(uintptr_t address) const;
    /// "16 bytes behind allocation 7 (1024 bytes at 0x..., cuMemAlloc)".
    std::string describe(uintptr_t address) const;

    size_t used() const { return used_; }
    size_t peak() const { return peak_; }
    size_t live_count() const { return live_count_; }
    uint64_t allocation_count() const { return count_; }

    bool has_shadow() const { return shadow_ != nullptr; }
    ShadowCell* shadow(uintptr_t address) const;
    /// Serial numbers for the blocks of a launch; the shadow is cleared when they run out.
    uint32_t take_serials(uint64_t blocks);

private:
    static constexpr size_t PAGE = 4096;

    /// The first page of a run of free ones, preferring addresses that were never used, then those freed longest ago; 0 if there is none.
    size_t find_gap(size_t pages) const;

    std::string name_;
    uintptr_t base_ = 0;
    size_t reserve_ = 0;
    bool poisoned_;
    size_t next_page_ = 1;
    mutable bool wrapped_ = false;
    /// Index + 1 into allocations_ of the allocation a page belongs or belonged to.
    uint32_t* pages_ = nullptr;
    std::vector<std::unique_ptr<Allocation>> allocations_;
    ShadowCell* shadow_ = nullptr;
    size_t shadow_bytes_ = 0;
    uint32_t next_serial_ = 1;
    size_t used_ = 0, peak_ = 0, live_count_ = 0;
    uint64_t count_ = 0;
};
}
