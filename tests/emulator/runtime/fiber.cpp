#include "fiber.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#if !defined(__x86_64__) || !defined(__linux__)
#error "The emulator switches stacks with x86-64 System V assembly: other processors and systems need their own emulator_switch in fiber.cpp"
#endif

// Saves what the calling convention lets a callee keep (rbx, rbp, r12 to r15), stores the stack pointer in *rdi and continues on the stack rsi.
// The floating-point control words are the same in all fibers and are left alone.
asm(R"(
.text
.type emulator_switch, @function
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size emulator_switch, . - emulator_switch
)");
extern "C" void emulator_switch(void** save, void* load) __attribute__((visibility("hidden")));

namespace emulator
{
namespace
{
constexpr size_t FIBERS_IN_A_CHUNK = 64;
// Not a multiple of the page: equal frames of different fibers must not compete for the same cache lines.
constexpr size_t STRIDE = FIBER_STACK_BYTES + 5 * 64;
}

void switch_fiber(Fiber& from, Fiber& to)
{
#if defined(__SANITIZE_ADDRESS__)
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(&fake_stack, to.stack_low, to.stack_bytes);
    emulator_switch(&from.stack_pointer, to.stack_pointer);
    __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#else
    emulator_switch(&from.stack_pointer, to.stack_pointer);
#endif
}

FiberPool::~FiberPool()
{
    for (void* chunk : chunks_)
        munmap(chunk, STRIDE * FIBERS_IN_A_CHUNK);
    for (Fiber* fiber : all_)
        delete fiber;
}

Fiber* FiberPool::take()
{
    if (free_.empty())
    {
        void* chunk = mmap(nullptr, STRIDE * FIBERS_IN_A_CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (chunk == MAP_FAILED)
            throw std::bad_alloc();
        chunks_.push_back(chunk);
        for (size_t i = FIBERS_IN_A_CHUNK; i-- > 0;)
        {
            Fiber* fiber = new Fiber;
            fiber->stack_low = static_cast<unsigned char*>(chunk) + i * STRIDE;
            fiber->stack_bytes = FIBER_STACK_BYTES;
            prepare(*fiber);
            all_.push_back(fiber);
            free_.push_back(fiber);
        }
    }
    Fiber* fiber = free_.back();
    free_.pop_back();
    return fiber;
}

void FiberPool::reset()
{
    free_.clear();
    for (Fiber* fiber : all_)
    {
        prepare(*fiber);
        free_.push_back(fiber);
    }
}

void FiberPool::prepare(Fiber& fiber)
{
    // What emulator_switch pops: six registers and the address to return to. At a function's entry the stack pointer is 8 below a multiple of 16.
    uintptr_t top = (reinterpret_cast<uintptr_t>(fiber.stack_low) + fiber.stack_bytes) & ~static_cast<uintptr_t>(63);
    void** slot = reinterpret_cast<void**>(top - 8);
    *--slot = reinterpret_cast<void*>(entry_);
    for (int i = 0; i < 6; i++)
        *--slot = nullptr;
    fiber.stack_pointer = slot;
}
}
