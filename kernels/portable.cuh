// The thin layer with two meanings: PTX on the device, emulation on the host (tests/emulator). Kernels need no CUDA header; everything that is not plain C++ goes through here.
//
// Plain CUDA spellings that both sides know: threadIdx, blockIdx, blockDim, gridDim, __syncthreads, __syncwarp, __shfl_xor_sync, __shfl_sync, __shfl_down_sync, __ballot_sync,
// atomicAdd on int (integer tickets only: a floating-point atomic has no fixed order), fmaf, sqrtf, fabsf, fmaxf, fminf. Masks are always the full warp.
// Rules: blocks of one launch never wait for or read from each other; every thread of a block reaches every barrier; shared memory comes from SHARED or DYNAMIC_SHARED.
// Products and sums are never contracted (compiled with --fmad=false): where a fused multiply-add is meant, fmaf says so.
#pragma once

#if !defined(STORAGE_BITS) || (STORAGE_BITS != 32 && STORAGE_BITS != 16)
#error "STORAGE_BITS must be 32 (float) or 16 (bfloat16)"
#endif

constexpr unsigned FULL_WARP = 0xffffffffu;
constexpr int WARP = 32;

/// The upper half of a float, rounded to nearest even.
struct bfloat16
{
    unsigned short bits;
};

/// The type in which activations and parameters of this module lie in memory; arithmetic is in float.
#if STORAGE_BITS == 16
typedef bfloat16 storage_t;
#else
typedef float storage_t;
#endif

/// Elements of storage_t in 16 bytes.
constexpr int STORAGE_VECTOR = 128 / STORAGE_BITS;

/// 16 bytes that move in one access; the address must be a multiple of 16.
struct alignas(16) Vector16
{
    unsigned words[4];
};

#if defined(__CUDACC__)

#define DEVICE __device__ __forceinline__
#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)
#define KERNEL_BOUNDS(threads, blocks) extern "C" __global__ void __launch_bounds__(threads, blocks)
#define SHARED(type, name, count) __shared__ __align__(16) type name[count]
#define DYNAMIC_SHARED(type, name) extern __shared__ __align__(128) unsigned char name##_bytes[]; type* name = reinterpret_cast<type*>(name##_bytes)
#define CONSTANT_TABLE __device__ __constant__ const

DEVICE unsigned shared_address(const void* pointer) { return static_cast<unsigned>(__cvta_generic_to_shared(pointer)); }
DEVICE unsigned float_bits(float value) { return __float_as_uint(value); }
DEVICE float bits_float(unsigned bits) { return __uint_as_float(bits); }

DEVICE Vector16 load_vector(const void* global)
{
    Vector16 v;
    asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.words[0]), "=r"(v.words[1]), "=r"(v.words[2]), "=r"(v.words[3]) : "l"(global) : "memory");
    return v;
}

DEVICE void store_vector(void* global, Vector16 v)
{
    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" :: "l"(global), "r"(v.words[0]), "r"(v.words[1]), "r"(v.words[2]), "r"(v.words[3]) : "memory");
}

DEVICE Vector16 load_shared_vector(const void* shared)
{
    Vector16 v;
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.words[0]), "=r"(v.words[1]), "=r"(v.words[2]), "=r"(v.words[3]) : "r"(shared_address(shared)) : "memory");
    return v;
}

DEVICE void store_shared_vector(void* shared, Vector16 v)
{
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" :: "r"(shared_address(shared)), "r"(v.words[0]), "r"(v.words[1]), "r"(v.words[2]), "r"(v.words[3]) : "memory");
}

/// Starts a copy of 16 bytes from global to shared memory, both addresses multiples of 16; only the first `bytes` (0 to 16) are read, the rest becomes zero.
DEVICE void copy_async(void* shared, const void* global, int bytes)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(shared_address(shared)), "l"(global), "r"(bytes) : "memory");
}

/// The same for a chunk that is there or is not: 16 bytes are read, or nothing and zeros are written. Costs a third of the address arithmetic of a count of bytes.
DEVICE void copy_async_or_zero(void* shared, const void* global, bool is_there)
{
    asm volatile("{ .reg .pred missing; setp.eq.s32 missing, %2, 0; cp.async.cg.shared.global [%0], [%1], 16, missing; }"
                 :: "r"(shared_address(shared)), "l"(global), "r"(static_cast<int>(is_there)) : "memory");
}

/// Closes the group of copies started since the last call by this thread.
DEVICE void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until at most `pending` of this thread's groups are unfinished; other threads see the data after the next barrier.
template <int pending> DEVICE void copy_async_wait() { asm volatile("cp.async.wait_group %0;" :: "n"(pending) : "memory"); }

/// Four 8 x 8 matrices of 16-bit elements: lane l gives the address of row l % 8 of matrix l / 8 (16 bytes, aligned); r[m] holds row lane / 4, columns 2 * (lane % 4) and the next.
DEVICE void load_matrix_x4(unsigned (&r)[4], const void* row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

/// The same, each matrix transposed.
DEVICE void load_matrix_x4_transposed(unsigned (&r)[4], const void* row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

/// c[16, 8] += a[16, 16] * b[16, 8] by one warp, bfloat16 in, float out (the layout is that of mma.m16n8k16).
DEVICE void multiply_accumulate(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Two floats as bfloat16, the first in the lower half.
DEVICE unsigned pack_bfloat16(float low, float high)
{
    unsigned packed;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
}

DEVICE bfloat16 to_bfloat16(float value)
{
    bfloat16 result;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
    return result;
}

/// The same value, of which the compiler knows nothing: keeps it from computing sums with constants ahead of a loop, one register each, that would cost nothing inside an address.
DEVICE int unknown(int value)
{
    asm volatile("" : "+r"(value));
    return value;
}

/// 2^x with a relative error of 2^-22; 0 below -126.
DEVICE float exp2_approximate(float x)
{
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}

/// 1 / x with a relative error of 2^-23; 0 for infinities and for numbers above 2^126.
DEVICE float reciprocal_approximate(float x)
{
    float result;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}

#else

#include "emulator.h"

#endif

DEVICE float to_float(float value) { return value; }
DEVICE float to_float(bfloat16 value) { return bits_float(static_cast<unsigned>(value.bits) << 16); }
DEVICE float load(const float* pointer) { return *pointer; }
DEVICE float load(const bfloat16* pointer) { return to_float(*pointer); }
DEVICE void store(float* pointer, float value) { *pointer = value; }
DEVICE void store(bfloat16* pointer, float value) { *pointer = to_bfloat16(value); }

/// The floats of two packed bfloat16.
DEVICE float low_float(unsigned packed) { return bits_float(packed << 16); }
DEVICE float high_float(unsigned packed) { return bits_float(packed & 0xffff0000u); }

/// The 4 (float) or 8 (bfloat16) elements of 16 bytes.
DEVICE void unpack(float (&values)[4], Vector16 v, const float*)
{
#pragma unroll
    for (int i = 0; i < 4; i++) values[i] = bits_float(v.words[i]);
}

DEVICE void unpack(float (&values)[8], Vector16 v, const bfloat16*)
{
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        values[2 * i] = low_float(v.words[i]);
        values[2 * i + 1] = high_float(v.words[i]);
    }
}

DEVICE Vector16 pack(const float (&values)[4], const float*)
{
    Vector16 v;
#pragma unroll
    for (int i = 0; i < 4; i++) v.words[i] = float_bits(values[i]);
    return v;
}

DEVICE Vector16 pack(const float (&values)[8], const bfloat16*)
{
    Vector16 v;
#pragma unroll
    for (int i = 0; i < 4; i++) v.words[i] = pack_bfloat16(values[2 * i], values[2 * i + 1]);
    return v;
}

/// STORAGE_VECTOR elements of global memory in one 16-byte access.
DEVICE void load_elements(float (&values)[STORAGE_VECTOR], const storage_t* aligned) { unpack(values, load_vector(aligned), aligned); }
DEVICE void store_elements(storage_t* aligned, const float (&values)[STORAGE_VECTOR]) { store_vector(aligned, pack(values, aligned)); }

/// The sum over the lanes of a warp, the same bits in every lane (a butterfly adds the same pairs everywhere).
DEVICE float warp_sum(float value)
{
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(FULL_WARP, value, distance);
    return value;
}

DEVICE float warp_maximum(float value)
{
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) value = fmaxf(value, __shfl_xor_sync(FULL_WARP, value, distance));
    return value;
}
