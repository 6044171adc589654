// Scaled dot-product attention of packed sequences with grouped heads, causal or full, forward, decoding and backward, without a [T, T] matrix.
//
// Forward:  S = scale * q k^T over the visible keys, P = softmax(S), output = P v, logSumExp = log(sum of exp(S)); a query that sees no key gives 0 and minus infinity     (overwrites)
// Backward: delta = sum over D of dO * O; P = exp(S - logSumExp); dV = P^T dO; dP = dO v^T; dS = P * (dP - delta); dQ = scale * dS k; dK = scale * dS^T q                   (overwrites)
// Shapes:   query, output, dQuery, dOutput [N, H * D], key, value, dKey, dValue [M, K * D]: storage; logSumExp, delta [N, H]: float; queryOffsets [B + 1], keyOffsets, keyLengths [B]: int.
//           Query head h reads key-value head h / (H / K). A "row" is a pair of query and head of a group, head by head within a query: so the heads of a group share the keys that are read, and
//           one new token of H / K heads fills the 16 rows of a tensor-core product instead of one.
//
// The law of bits. The keys of a sequence are taken in blocks of 64 from its start. A block has its own maximum, sum of weights and product with v, each started afresh; blocks are merged from left
// to right: sums = sums * exp(old maximum - new maximum) + block * exp(block's maximum - new maximum). A block whose keys a row does not see multiplies by 1 and adds 0. So a row has the same bits
// whatever rows stand beside it and whether its blocks go through one thread block (forward) or through many and a second kernel that merges them (split, merge): prefill, chunks, decoding and
// packing agree. Backward, an element is one chain: over keys for dQ, over the heads of the group and then over queries for dK and dV; no block waits for another and no float is added atomically.
//
// Bound by operations: 4 D for a visible pair of query and key forward; backward 14 D, seven products where one pass with communication between blocks would need five (10 D).
// Decoding is bound by bytes: 2 K D elements for each key, and 2 (D + 2) floats for each row and block of keys written and read again, a tenth to a quarter of it, mostly in the L2 cache.
// All that changes from one decoding step to the next (offsets, lengths) is read from device memory; the host's upper bounds only size the grids.
//
// The staircase, to be read in this order:
//   attention_rows.cuh             which rows a thread block has; the merging of blocks; attention_merge, attention_delta
//   attention_simple.cuh           one fmaf at a time, any D, both types. With floats the same bits as the CPU backend: the version that checks all others, and the slower path for bfloat16 at other D
//   attention_tensor.cuh           bfloat16 at D = 64 and 128 on tensor cores: ldmatrix, mma.m16n8k16, cp.async with two buffers. P is rounded to bfloat16 before P v, sums stay float
//   attention_tensor_backward.cuh  its gradients; P and dS are rounded to bfloat16 before their products
//
// Registers as NVRTC 12.4 gives them for sm_90a, nothing spilled; shared memory of a block in bytes; warps of a multiprocessor with 65,536 registers and 227 KB:
//                                  D = 64                          D = 128
//   attention_forward              149 regs,  46,336 B, 12 warps   237 regs,  87,296 B,  8 warps    tiles of 64 rows, 128 threads
//   attention_forward_wide         253 regs,  55,808 B,  8 warps   237 regs, 104,960 B,  8 warps    tiles of 128 rows, 128 or 256 threads: keys and values are read half as often
//   attention_forward_split        115 regs,  20,736 B, 10 warps   157 regs,  39,168 B,  5 warps    tiles of 16 rows, one warp
//   attention_backward_key_value   180 regs,  56,320 B,  8 warps   248 regs,  70,144 B,  8 warps    tiles of 64 keys, 128 threads
//   attention_backward_query       139 regs,  55,552 B, 12 warps   201 regs,  69,888 B,  8 warps    tiles of 64 rows, 128 threads
// A warp with 16 rows (or keys) reads 256 bytes of fragments from shared memory for each mma, one with 32 rows (wide, D = 64) 160: the former keep shared memory as busy as the tensor cores.
// Rows that do not begin at a multiple of 16 bytes are copied element by element into the same places: slower, same bits.
// Bad data: a sequence outside the rows or above the stated maxima is reported in `faults`, and its rows are left alone. Not yet measured on a GPU.
#include "attention_rows.cuh"
#if TENSOR_CORES
#include "attention_tensor.cuh"
#include "attention_tensor_backward.cuh"
#else
#include "attention_simple.cuh"
#endif
