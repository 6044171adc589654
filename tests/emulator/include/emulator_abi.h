// What a compiled kernel module and the runtime know of each other.
#pragma once

struct dim3
{
    unsigned x, y, z;
};

/// What a running thread knows of itself; the runtime sets the pointer at every switch.
struct EmulatorThread
{
    dim3 thread, block, block_size, grid_size;
};

/// One parameter of a kernel: where it lies in the parameter block of a launch.
struct EmulatorParameter
{
    unsigned offset, size;
    int is_pointer;
};

struct EmulatorKernel
{
    const char* name;
    void (*invoke)(void** parameters);
    int launch_bound;
    int parameter_count;
    const EmulatorParameter* parameters;
};

/// The one object a module exports, by the name emulator_module.
struct EmulatorModule
{
    /// Of the headers and the processor it was compiled for: an image of another one is refused, so that a cache cannot bring back what no longer fits.
    unsigned long long environment;
    /// The virtual or real architecture it was compiled for, 80 or 90, and whether its accesses are reported.
    int architecture, checked;
    int kernel_count;
    const EmulatorKernel* kernels;
    /// The program as NVRTC got it (see program.h), to dump it beside its launches.
    const unsigned char* program;
    unsigned long long program_bytes;
};

extern "C"
{
/// One place where a kernel declares shared memory.
struct EmulatorSharedSite
{
    unsigned bytes;
    const char* name;
};

/// The integer operations in which the threads of a launch may meet on one address.
enum EmulatorAtomic
{
    EMULATOR_ADD = 0,
    EMULATOR_MAXIMUM = 1,
    EMULATOR_MINIMUM = 2,
    EMULATOR_OR = 3,
    EMULATOR_AND = 4,
    EMULATOR_EXCHANGE = 5,
};

void* emulator_static_shared(const EmulatorSharedSite* site);
void* emulator_dynamic_shared();
void emulator_barrier(const char* file, int line);
void emulator_warp_barrier(unsigned mask);
/// Posts a value of at most 64 bytes and returns the 32 slots of 64 bytes that the lanes of the warp posted; valid until this thread's next exchange.
const unsigned char* emulator_exchange(int operation, unsigned mask, const void* value, unsigned bytes);
void emulator_multiply_accumulate(float* c, const unsigned* a, unsigned b0, unsigned b1);
void emulator_load_matrix(unsigned* r, const void* row, int transposed);
void emulator_copy_async(void* shared, const void* global, int bytes);
void emulator_copy_async_commit();
void emulator_copy_async_wait(int pending);
/// 16 bytes in one access, checked: the address space must be the one the spelling names.
void emulator_load_vector(void* value, const void* address, int shared);
void emulator_store_vector(void* address, const void* value, int shared);
int emulator_atomic_int(int* address, int value, int operation);
unsigned emulator_atomic_unsigned(unsigned* address, unsigned value, int operation);
unsigned long long emulator_atomic_add_long(unsigned long long* address, unsigned long long value);
unsigned emulator_atomic_compare_exchange(unsigned* address, unsigned expected, unsigned value);
}

