// The host's meaning of kernels/portable.cuh. Every thread of a block is a fiber; what needs other threads goes to the runtime (tests/emulator/runtime), the rest is inline here.
// Header-light on purpose: a kernel must compile in a second.
#pragma once

#define DEVICE static inline __attribute__((always_inline, unused))
#define KERNEL(threads) extern "C" __attribute__((visibility("default"))) void
#define KERNEL_BOUNDS(threads, blocks) extern "C" __attribute__((visibility("default"))) void
#define CONSTANT_TABLE static const
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __restrict__ __restrict
#define __align__(n) alignas(n)

struct dim3
{
    unsigned x, y, z;
};

/// What a running thread knows of itself; the runtime sets the pointer at every switch.
struct EmulatorThread
{
    dim3 thread, block, block_size, grid_size;
};

extern "C"
{
extern __thread EmulatorThread* emulator_thread __attribute__((tls_model("initial-exec")));

/// One place where a kernel declares shared memory; its offset is the same in every block.
struct EmulatorSharedSite
{
    unsigned bytes;
    int offset;
};

enum EmulatorAccess
{
    EMULATOR_READ = 0,
    EMULATOR_WRITE = 1,
    EMULATOR_ATOMIC = 2,
};

void* emulator_static_shared(EmulatorSharedSite* site);
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
/// Checks bounds, alignment and races of one access in an instrumented build; does nothing in a plain one.
void emulator_access(const void* address, unsigned bytes, int kind);
int emulator_atomic_add(int* address, int value);
}

#define threadIdx (emulator_thread->thread)
#define blockIdx (emulator_thread->block)
#define blockDim (emulator_thread->block_size)
#define gridDim (emulator_thread->grid_size)

#define SHARED(type, name, count)                                                        \
    static EmulatorSharedSite name##_site = {(unsigned)(sizeof(type) * (count)), -1};     \
    type* const name = static_cast<type*>(emulator_static_shared(&name##_site))
#define DYNAMIC_SHARED(type, name) type* const name = static_cast<type*>(emulator_dynamic_shared())

#define __syncthreads() emulator_barrier(__FILE__, __LINE__)

DEVICE void __syncwarp(unsigned mask = 0xffffffffu) { emulator_warp_barrier(mask); }

template <class T> DEVICE T emulator_slot(const unsigned char* slots, int lane)
{
    T value;
    __builtin_memcpy(&value, slots + 64 * lane, sizeof(T));
    return value;
}

DEVICE int emulator_lane() { return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32; }

template <class T> DEVICE T __shfl_xor_sync(unsigned mask, T value, int distance)
{
    return emulator_slot<T>(emulator_exchange(1, mask, &value, sizeof(T)), emulator_lane() ^ distance);
}

template <class T> DEVICE T __shfl_sync(unsigned mask, T value, int source)
{
    return emulator_slot<T>(emulator_exchange(2, mask, &value, sizeof(T)), source % 32);
}

template <class T> DEVICE T __shfl_down_sync(unsigned mask, T value, int distance)
{
    int lane = emulator_lane();
    return emulator_slot<T>(emulator_exchange(3, mask, &value, sizeof(T)), lane + distance < 32 ? lane + distance : lane);
}

template <class T> DEVICE T __shfl_up_sync(unsigned mask, T value, int distance)
{
    int lane = emulator_lane();
    return emulator_slot<T>(emulator_exchange(4, mask, &value, sizeof(T)), lane >= distance ? lane - distance : lane);
}

DEVICE unsigned __ballot_sync(unsigned mask, int predicate)
{
    const unsigned char* slots = emulator_exchange(5, mask, &predicate, sizeof(int));
    unsigned result = 0;
    for (int lane = 0; lane < 32; lane++)
        if (((mask >> lane) & 1u) != 0 && emulator_slot<int>(slots, lane) != 0)
            result |= 1u << lane;
    return result;
}

DEVICE int atomicAdd(int* address, int value) { return emulator_atomic_add(address, value); }

DEVICE float fmaf(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEVICE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
DEVICE float sqrtf(float x) { return __builtin_sqrtf(x); }
DEVICE double sqrt(double x) { return __builtin_sqrt(x); }
DEVICE float fabsf(float x) { return __builtin_fabsf(x); }
DEVICE double fabs(double x) { return __builtin_fabs(x); }
DEVICE float fmaxf(float a, float b) { return __builtin_fmaxf(a, b); }
DEVICE float fminf(float a, float b) { return __builtin_fminf(a, b); }
DEVICE float floorf(float x) { return __builtin_floorf(x); }
DEVICE int min(int a, int b) { return a < b ? a : b; }
DEVICE int max(int a, int b) { return a > b ? a : b; }
DEVICE int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
DEVICE int __popc(unsigned x) { return __builtin_popcount(x); }
DEVICE unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>((static_cast<unsigned long long>(a) * b) >> 32); }

DEVICE unsigned float_bits(float value)
{
    unsigned bits;
    __builtin_memcpy(&bits, &value, 4);
    return bits;
}

DEVICE float bits_float(unsigned bits)
{
    float value;
    __builtin_memcpy(&value, &bits, 4);
    return value;
}

DEVICE Vector16 load_vector(const void* global)
{
    emulator_access(global, 16, EMULATOR_READ);
    return *static_cast<const Vector16*>(global);
}

DEVICE void store_vector(void* global, Vector16 v)
{
    emulator_access(global, 16, EMULATOR_WRITE);
    *static_cast<Vector16*>(global) = v;
}

DEVICE Vector16 load_shared_vector(const void* shared) { return load_vector(shared); }
DEVICE void store_shared_vector(void* shared, Vector16 v) { store_vector(shared, v); }
DEVICE void copy_async(void* shared, const void* global, int bytes) { emulator_copy_async(shared, global, bytes); }
DEVICE void copy_async_commit() { emulator_copy_async_commit(); }
template <int pending> DEVICE void copy_async_wait() { emulator_copy_async_wait(pending); }
DEVICE void load_matrix_x4(unsigned (&r)[4], const void* row) { emulator_load_matrix(r, row, 0); }
DEVICE void load_matrix_x4_transposed(unsigned (&r)[4], const void* row) { emulator_load_matrix(r, row, 1); }
DEVICE void multiply_accumulate(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) { emulator_multiply_accumulate(c, a, b0, b1); }

DEVICE bfloat16 to_bfloat16(float value)
{
    unsigned bits = float_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return bfloat16{0x7fff};
    return bfloat16{static_cast<unsigned short>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

DEVICE unsigned pack_bfloat16(float low, float high) { return to_bfloat16(low).bits | (static_cast<unsigned>(to_bfloat16(high).bits) << 16); }

DEVICE float reciprocal_approximate(float x) { return __builtin_fabsf(x) > 8.507059e37f ? bits_float(float_bits(x) & 0x80000000u) : 1.0f / x; }

DEVICE float exp2_approximate(float x) { return x < -126.0f ? 0.0f : __builtin_exp2f(x); }
