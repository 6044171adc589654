// Fibers: stacks of their own between which one host thread switches in a few nanoseconds. A fiber never moves to another host thread.
#pragma once

#include <cstddef>
#include <vector>

namespace emulator
{
/// Bytes a thread of a kernel may use for local arrays and calls.
constexpr size_t FIBER_STACK_BYTES = 128 * 1024;

struct Fiber
{
    void* stack_pointer = nullptr;
    unsigned char* stack_low = nullptr;
    size_t stack_bytes = 0;
};

/// Leaves `from`, whose state is kept, and continues `to` where it was left or at its entry.
void switch_fiber(Fiber& from, Fiber& to);

/// The stacks of one host thread. Taken and given back in any order; all are reset at once when a launch is abandoned.
class FiberPool
{
public:
    explicit FiberPool(void (*entry)()) : entry_(entry) {}
    ~FiberPool();
    FiberPool(const FiberPool&) = delete;
    FiberPool& operator=(const FiberPool&) = delete;

    Fiber* take();
    void give_back(Fiber* fiber) { free_.push_back(fiber); }
    /// Every fiber starts anew at its entry; what the fibers held is forgotten.
    void reset();

private:
    void prepare(Fiber& fiber);

    void (*entry_)();
    std::vector<Fiber*> free_, all_;
    std::vector<void*> chunks_;
};
}
