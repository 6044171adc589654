#include "memory.h"

#include "access.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <utility>

namespace emulator
{
namespace
{
void* reserve_range(size_t bytes, int protection)
{
    void* memory = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? nullptr : memory;
}
}

Memory::Memory(const char* name, size_t reserve, bool poisoned, bool shadowed) : name_(name), poisoned_(poisoned)
{
    // A smaller range where the system limits address space; nothing of it takes memory before it is used.
    for (reserve_ = reserve; reserve_ >= (size_t(1) << 30); reserve_ /= 2)
    {
        size_t page_bytes = reserve_ / PAGE * sizeof(uint32_t);
        shadow_bytes_ = shadowed ? reserve_ / SHADOW_GRANULE * sizeof(ShadowCell) : 0;
        void* range = reserve_range(reserve_, PROT_NONE);
        void* pages = reserve_range(page_bytes, PROT_READ | PROT_WRITE);
        void* shadow = shadowed ? reserve_range(shadow_bytes_, PROT_READ | PROT_WRITE) : nullptr;
        if (range != nullptr && pages != nullptr && (shadow != nullptr || !shadowed))
        {
            base_ = reinterpret_cast<uintptr_t>(range);
            pages_ = static_cast<uint32_t*>(pages);
            shadow_ = static_cast<ShadowCell*>(shadow);
            return;
        }
        if (range != nullptr)
            munmap(range, reserve_);
        if (pages != nullptr)
            munmap(pages, page_bytes);
        if (shadow != nullptr)
            munmap(shadow, shadow_bytes_);
    }
    throw std::bad_alloc();
}

uintptr_t Memory::allocate(size_t bytes, const char* origin, const void* owner)
{
    size_t offset = poisoned_ ? 256 : 0;
    // One unmapped page before and behind.
    size_t pages = (offset + bytes + PAGE - 1) / PAGE + 1;
    size_t place = find_gap(pages);
    if (place == 0)
        return 0;
    next_page_ = place;
    uintptr_t first = base_ + next_page_ * PAGE;
    size_t mapped = (offset + bytes + PAGE - 1) / PAGE * PAGE;
    if (mprotect(reinterpret_cast<void*>(first), mapped, PROT_READ | PROT_WRITE) != 0)
        return 0;
    auto allocation = std::make_unique<Allocation>();
    allocation->number = ++count_;
    allocation->base = first + offset;
    allocation->size = bytes;
    allocation->live = true;
    allocation->origin = origin;
    allocation->owner = owner;
    allocations_.push_back(std::move(allocation));
    for (size_t page = next_page_; page < next_page_ + pages; page++)
        pages_[page] = static_cast<uint32_t>(allocations_.size());
    next_page_ += pages;
    used_ += bytes;
    peak_ = std::max(peak_, used_);
    live_count_++;
    if (poisoned_)
        std::memset(reinterpret_cast<void*>(first + offset), 0xFF, bytes);
    return first + offset;
}

size_t Memory::find_gap(size_t pages) const
{
    size_t total = reserve_ / PAGE;
    if (pages >= total)
        return 0;
    // New addresses as long as there are any.
    if (!wrapped_ && next_page_ + pages < total)
        return next_page_;
    wrapped_ = true;
    std::vector<std::pair<size_t, size_t>> taken;
    for (const auto& allocation : allocations_)
        if (allocation->live)
            taken.emplace_back((allocation->base - base_) / PAGE, (allocation->base + allocation->size - base_ + PAGE - 1) / PAGE + 1);
    std::sort(taken.begin(), taken.end());
    taken.emplace_back(total, total);
    size_t before_cursor = 0, end = 1;
    for (auto [first, behind] : taken)
    {
        if (first > end && first - end >= pages)
        {
            if (end >= next_page_)
                return end;
            if (first > next_page_ && first - next_page_ >= pages)
                return next_page_;
            if (before_cursor == 0)
                before_cursor = end;
        }
        end = std::max(end, behind);
    }
    return before_cursor;
}

bool Memory::free(uintptr_t base)
{
    const Allocation* found = holds(base) ? at(base) : nullptr;
    if (found == nullptr || !found->live || found->base != base)
        return false;
    Allocation& allocation = const_cast<Allocation&>(*found);
    allocation.live = false;
    used_ -= allocation.size;
    live_count_--;
    uintptr_t first = allocation.base / PAGE * PAGE;
    size_t mapped = (allocation.base - first + allocation.size + PAGE - 1) / PAGE * PAGE;
    // Gives the pages back to the system and makes any later touch a fault.
    mmap(reinterpret_cast<void*>(first), mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (shadow_ != nullptr)
    {
        uintptr_t low = (reinterpret_cast<uintptr_t>(shadow(allocation.base)) + PAGE - 1) / PAGE * PAGE;
        uintptr_t high = reinterpret_cast<uintptr_t>(shadow(allocation.base + allocation.size)) / PAGE * PAGE;
        if (low < high)
            madvise(reinterpret_cast<void*>(low), high - low, MADV_DONTNEED);
    }
    return true;
}

void Memory::free_all(const void* owner)
{
    for (size_t i = 0; i < allocations_.size(); i++)
        if (allocations_[i]->live && allocations_[i]->owner == owner)
            free(allocations_[i]->base);
}

const Allocation* Memory::at(uintptr_t address) const
{
    uint32_t index = pages_[(address - base_) / PAGE];
    return index == 0 ? nullptr : allocations_[index - 1].get();
}

const Allocation* Memory::find(uintptr_t address, size_t bytes) const
{
    if (!holds(address))
        return nullptr;
    const Allocation* allocation = at(address);
    if (allocation == nullptr || !allocation->live || address < allocation->base || bytes > allocation->size || address - allocation->base > allocation->size - bytes)
        return nullptr;
    return allocation;
}

std::string Memory::describe(uintptr_t address) const
{
    const Allocation* allocation = nullptr;
    if (holds(address))
    {
        allocation = at(address);
        // The page before an allocation is the guard of the one before it.
        if (address + PAGE - base_ < reserve_ && (allocation == nullptr || address >= allocation->base + allocation->size))
        {
            const Allocation* next = at(address + PAGE);
            if (next != nullptr && next != allocation && next->base > address && (allocation == nullptr || next->base - address < address - (allocation->base + allocation->size)))
                allocation = next;
        }
    }
    char text[200];
    if (allocation == nullptr)
    {
        std::snprintf(text, sizeof text, "address 0x%zx, which no allocation of %s is near", static_cast<size_t>(address), name_.c_str());
        return text;
    }
    std::string where = address < allocation->base                       ? std::to_string(allocation->base - address) + " bytes before "
                        : address < allocation->base + allocation->size ? "byte " + std::to_string(address - allocation->base) + " of "
                                                                        : std::to_string(address - allocation->base - allocation->size) + " bytes behind the end of ";
    std::snprintf(text, sizeof text, "%sallocation %llu (%zu bytes at 0x%zx in %s, by %s)", allocation->live ? "" : "freed ", static_cast<unsigned long long>(allocation->number), allocation->size,
                  static_cast<size_t>(allocation->base), name_.c_str(), allocation->origin);
    return where + text;
}

ShadowCell* Memory::shadow(uintptr_t address) const { return shadow_ + (address - base_) / SHADOW_GRANULE; }

uint32_t Memory::take_serials(uint64_t blocks)
{
    if (next_serial_ + blocks > SHADOW_MAXIMUM_SERIAL)
    {
        next_serial_ = 1;
        if (shadow_ != nullptr)
            madvise(shadow_, shadow_bytes_, MADV_DONTNEED);
    }
    uint32_t first = next_serial_;
    next_serial_ += static_cast<uint32_t>(blocks);
    return first;
}
}
