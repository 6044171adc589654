// The host's meaning of kernels/portable.cuh. Every thread of a block is a fiber; what needs other threads goes to the runtime (tests/emulator/runtime), the rest is inline here.
// Header-light on purpose: a kernel must compile in a second.
// EMULATOR_CHECKED=1 (devices of capability 8.0): the compiler's thread-sanitizer call sites report every plain load and store to the runtime, which finds races, bounds and misalignment.
#pragma once

#ifndef EMULATOR_CHECKED
#define EMULATOR_CHECKED 0
#endif

// The attribute is not the compiler's: the emulated NVRTC looks for it in the preprocessed text, to know every kernel with its launch bound.
#define DEVICE inline __attribute__((always_inline, unused))
#define KERNEL(threads) extern "C" __attribute__((visibility("default"), noinline, emulator_kernel(threads))) void
#define KERNEL_BOUNDS(threads, blocks) extern "C" __attribute__((visibility("default"), noinline, emulator_kernel(threads))) void
#define CONSTANT_TABLE static const
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __restrict__ __restrict
#define __align__(n) alignas(n)

#include "emulator_abi.h"

// Constant for the life of a thread, therefore const here although the runtime sets it: it is read once, and not reported.
extern "C" __thread const EmulatorThread* const emulator_thread __attribute__((tls_model("initial-exec")));

#define threadIdx (emulator_thread->thread)
#define blockIdx (emulator_thread->block)
#define blockDim (emulator_thread->block_size)
#define gridDim (emulator_thread->grid_size)

#define SHARED(type, name, count)                                                               \
    static const EmulatorSharedSite name##_site = {(unsigned)(sizeof(type) * (count)), #name}; \
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

DEVICE int atomicAdd(int* address, int value) { return emulator_atomic_int(address, value, EMULATOR_ADD); }
DEVICE int atomicMax(int* address, int value) { return emulator_atomic_int(address, value, EMULATOR_MAXIMUM); }
DEVICE int atomicMin(int* address, int value) { return emulator_atomic_int(address, value, EMULATOR_MINIMUM); }
DEVICE int atomicOr(int* address, int value) { return emulator_atomic_int(address, value, EMULATOR_OR); }
DEVICE int atomicAnd(int* address, int value) { return emulator_atomic_int(address, value, EMULATOR_AND); }
DEVICE int atomicExch(int* address, int value) { return emulator_atomic_int(address, value, EMULATOR_EXCHANGE); }
DEVICE int atomicCAS(int* address, int expected, int value)
{
    return static_cast<int>(emulator_atomic_compare_exchange(reinterpret_cast<unsigned*>(address), static_cast<unsigned>(expected), static_cast<unsigned>(value)));
}
DEVICE unsigned atomicAdd(unsigned* address, unsigned value) { return emulator_atomic_unsigned(address, value, EMULATOR_ADD); }
DEVICE unsigned atomicMax(unsigned* address, unsigned value) { return emulator_atomic_unsigned(address, value, EMULATOR_MAXIMUM); }
DEVICE unsigned atomicMin(unsigned* address, unsigned value) { return emulator_atomic_unsigned(address, value, EMULATOR_MINIMUM); }
DEVICE unsigned atomicOr(unsigned* address, unsigned value) { return emulator_atomic_unsigned(address, value, EMULATOR_OR); }
DEVICE unsigned atomicAnd(unsigned* address, unsigned value) { return emulator_atomic_unsigned(address, value, EMULATOR_AND); }
DEVICE unsigned atomicExch(unsigned* address, unsigned value) { return emulator_atomic_unsigned(address, value, EMULATOR_EXCHANGE); }
DEVICE unsigned atomicCAS(unsigned* address, unsigned expected, unsigned value) { return emulator_atomic_compare_exchange(address, expected, value); }
DEVICE unsigned long long atomicAdd(unsigned long long* address, unsigned long long value) { return emulator_atomic_add_long(address, value); }

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

DEVICE float fmaf(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEVICE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
DEVICE float sqrtf(float x) { return __builtin_sqrtf(x); }
DEVICE double sqrt(double x) { return __builtin_sqrt(x); }
DEVICE float fabsf(float x) { return __builtin_fabsf(x); }
DEVICE double fabs(double x) { return __builtin_fabs(x); }
// As max.f32 and min.f32: a NaN yields the other operand, and -0 is less than +0. (The C library's would be a call.)
DEVICE float fmaxf(float a, float b) { return a > b || b != b ? a : a == b ? bits_float(float_bits(a) & float_bits(b)) : b; }
DEVICE float fminf(float a, float b) { return a < b || b != b ? a : a == b ? bits_float(float_bits(a) | float_bits(b)) : b; }
DEVICE float floorf(float x) { return __builtin_floorf(x); }
DEVICE float ceilf(float x) { return __builtin_ceilf(x); }
DEVICE float truncf(float x) { return __builtin_truncf(x); }
DEVICE float rintf(float x) { return __builtin_rintf(x); }
DEVICE float copysignf(float x, float sign) { return __builtin_copysignf(x, sign); }
DEVICE bool isnan(float x) { return __builtin_isnan(x); }
DEVICE bool isinf(float x) { return __builtin_isinf(x); }
DEVICE bool isfinite(float x) { return __builtin_isfinite(x); }
DEVICE int abs(int x) { return x < 0 ? -x : x; }
DEVICE int min(int a, int b) { return a < b ? a : b; }
DEVICE int max(int a, int b) { return a > b ? a : b; }
DEVICE unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
DEVICE unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
DEVICE long long min(long long a, long long b) { return a < b ? a : b; }
DEVICE long long max(long long a, long long b) { return a > b ? a : b; }
DEVICE unsigned long long min(unsigned long long a, unsigned long long b) { return a < b ? a : b; }
DEVICE unsigned long long max(unsigned long long a, unsigned long long b) { return a > b ? a : b; }
DEVICE float min(float a, float b) { return fminf(a, b); }
DEVICE float max(float a, float b) { return fmaxf(a, b); }
DEVICE int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
DEVICE int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x)); }
DEVICE int __ffs(int x) { return __builtin_ffs(x); }
DEVICE int __popc(unsigned x) { return __builtin_popcount(x); }
DEVICE int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
DEVICE unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>((static_cast<unsigned long long>(a) * b) >> 32); }

#if EMULATOR_CHECKED
DEVICE Vector16 load_vector(const void* global)
{
    Vector16 v;
    emulator_load_vector(&v, global, 0);
    return v;
}

DEVICE Vector16 load_shared_vector(const void* shared)
{
    Vector16 v;
    emulator_load_vector(&v, shared, 1);
    return v;
}

DEVICE void store_vector(void* global, Vector16 v) { emulator_store_vector(global, &v, 0); }
DEVICE void store_shared_vector(void* shared, Vector16 v) { emulator_store_vector(shared, &v, 1); }
#else
// Through memcpy, because a Vector16 aliases what lies there.
DEVICE Vector16 load_vector(const void* global)
{
    Vector16 v;
    __builtin_memcpy(&v, global, 16);
    return v;
}

DEVICE void store_vector(void* global, Vector16 v) { __builtin_memcpy(global, &v, 16); }
DEVICE Vector16 load_shared_vector(const void* shared) { return load_vector(shared); }
DEVICE void store_shared_vector(void* shared, Vector16 v) { store_vector(shared, v); }
#endif

DEVICE void copy_async(void* shared, const void* global, int bytes) { emulator_copy_async(shared, global, bytes); }
DEVICE void copy_async_or_zero(void* shared, const void* global, bool is_there) { emulator_copy_async(shared, global, is_there ? 16 : 0); }
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

/// The same value: what it tells the compiler of a GPU has no meaning here.
DEVICE int unknown(int value) { return value; }

DEVICE float exp2_approximate(float x) { return x < -126.0f ? 0.0f : __builtin_exp2f(x); }
