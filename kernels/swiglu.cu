// SwiGLU.
//   forward   output = silu(gate) * up, silu(x) = x / (1 + exp(-x))
//   backward  with s = sigmoid(gate):  dGate = dOutput * up * s * (1 + gate * (1 - s));  dUp = dOutput * gate * s
// gateUp, dGateUp [N, 2F], the gate's columns first, and output, dOutput [N, F], all in storage. Outputs are overwritten; dGateUp may be gateUp.
// Bound by bytes: 3*N*F elements forward, 5*N*F backward. At 6 bytes an element and 4.3 TB/s a multiprocessor must finish three elements a cycle, which leaves about 41 instructions for each. With
// bfloat16 the logistic function therefore comes from the hardware's exponential and reciprocal (relative error 2^-21; 16 instructions an element in all instead of 49); float storage computes it as the
// CPU does, bit by bit.
// Share of that bound: not yet measured on a GPU.
// Where to read first: swiglu_forward; elementwise.cuh for who owns what.
#include "elementwise.cuh"
#include "math.cuh"

DEVICE float logistic(float x)
{
#if STORAGE_BITS == 16
    return reciprocal_approximate(1.0f + exp2_approximate(-1.44269504f * x));
#else
    return sigmoid(x);
#endif
}

KERNEL(256) swiglu_forward(storage_t* output, long long output_stride, const storage_t* gate_up, long long gate_up_stride, int rows, int features, int blocks_across)
{
    Tile at = thread_tile(blocks_across);
    Vector16 gate[TILE_ROWS], up[TILE_ROWS];
    read_tile(gate, gate_up, gate_up_stride, at, rows, features);
    read_tile(up, gate_up + features, gate_up_stride, at, rows, features);
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r++)
    {
        float gates[STORAGE_VECTOR], ups[STORAGE_VECTOR];
        unpack_elements(gates, gate[r]);
        unpack_elements(ups, up[r]);
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++) gates[i] = gates[i] * logistic(gates[i]) * ups[i];
        write_elements(output + (at.row + r) * output_stride, at.column, at.row + r < rows ? features : 0, gates);
    }
}

KERNEL(256)
swiglu_backward(storage_t* d_gate_up, long long d_gate_up_stride, const storage_t* d_output, long long d_output_stride, const storage_t* gate_up, long long gate_up_stride, int rows, int features,
                int blocks_across)
{
    Tile at = thread_tile(blocks_across);
    Vector16 gate[TILE_ROWS], up[TILE_ROWS], gradient[TILE_ROWS];
    read_tile(gate, gate_up, gate_up_stride, at, rows, features);
    read_tile(up, gate_up + features, gate_up_stride, at, rows, features);
    read_tile(gradient, d_output, d_output_stride, at, rows, features);
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r++)
    {
        float gates[STORAGE_VECTOR], ups[STORAGE_VECTOR], gradients[STORAGE_VECTOR];
        unpack_elements(gates, gate[r]);
        unpack_elements(ups, up[r]);
        unpack_elements(gradients, gradient[r]);
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++)
        {
            float s = logistic(gates[i]);
            float slope = s * fmaf(gates[i], 1.0f - s, 1.0f);
            ups[i] = gradients[i] * ups[i] * slope;
            gates[i] = gradients[i] * (gates[i] * s);
        }
        storage_t* result = d_gate_up + (at.row + r) * d_gate_up_stride;
        int columns = at.row + r < rows ? features : 0;
        write_elements(result, at.column, columns, ups);
        write_elements(result + features, at.column, columns, gates);
    }
}
