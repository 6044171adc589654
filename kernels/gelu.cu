// GELU with the error function, not its tanh approximation.
//   forward   output = x * Phi(x), Phi(x) = (1 + erf(x / sqrt(2))) / 2
//   backward  dInput = dOutput * (Phi(x) + x * phi(x)), phi the standard normal density
// output, input, dInput, dOutput [N, F] in storage. Outputs are overwritten; output may be input, dInput may be dOutput.
// Bound by bytes, 2*N*F elements forward and 3*N*F backward, where Phi is cheap: at 4 bytes an element and 4.3 TB/s a multiprocessor must finish five elements a cycle, which leaves about 27
// instructions for each. float storage computes erf as the CPU does, bit by bit (41 instructions an element in all). bfloat16 storage takes Phi(-|x|) = exp(-x^2 / 2) * t * Q(t), t = 1 / (1 + 0.36 |x|),
// with the hardware's exponential and reciprocal and a polynomial of our own (minimax: a relative error of 8e-7 for all x, and no cancellation in the tail): 23 instructions, and phi shares the exponential.
// Share of that bound: not yet measured on a GPU.
// Where to read first: normal; elementwise.cuh for who owns what.
#include "elementwise.cuh"
#include "math.cuh"

/// The standard normal distribution at a point and its density there.
struct Normal
{
    float distribution, density;
};

DEVICE Normal normal(float x)
{
    Normal result;
#if STORAGE_BITS == 16
    float exponential_part = exp2_approximate(x * x * -0.72134752f);
    float t = reciprocal_approximate(fmaf(0.36f, fabsf(x), 1.0f));
    float q = 0.04734457634496542f;
    q = fmaf(q, t, -0.18075168430789723f);
    q = fmaf(q, t, 0.1822976421995742f);
    q = fmaf(q, t, 0.02562377962020197f);
    q = fmaf(q, t, 0.14005744437286372f);
    q = fmaf(q, t, 0.14171066691544715f);
    q = fmaf(q, t, 0.14371743541704607f);
    float tail = q * t * exponential_part;
    result.distribution = x < 0.0f ? tail : 1.0f - tail;
    result.density = 0.39894228f * exponential_part;
#else
    result.distribution = fmaf(0.5f, error_function(x * 0.70710678f), 0.5f);
    result.density = exponential(x * x * -0.5f) * 0.39894228f;
#endif
    return result;
}

KERNEL(256) gelu_forward(storage_t* output, long long output_stride, const storage_t* input, long long input_stride, int rows, int features, int blocks_across)
{
    Tile at = thread_tile(blocks_across);
    Vector16 x[TILE_ROWS];
    read_tile(x, input, input_stride, at, rows, features);
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r++)
    {
        float values[STORAGE_VECTOR];
        unpack_elements(values, x[r]);
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++) values[i] *= normal(values[i]).distribution;
        write_elements(output + (at.row + r) * output_stride, at.column, at.row + r < rows ? features : 0, values);
    }
}

KERNEL(256)
gelu_backward(storage_t* d_input, long long d_input_stride, const storage_t* d_output, long long d_output_stride, const storage_t* input, long long input_stride, int rows, int features,
              int blocks_across)
{
    Tile at = thread_tile(blocks_across);
    Vector16 x[TILE_ROWS], gradient[TILE_ROWS];
    read_tile(x, input, input_stride, at, rows, features);
    read_tile(gradient, d_output, d_output_stride, at, rows, features);
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r++)
    {
        float values[STORAGE_VECTOR], gradients[STORAGE_VECTOR];
        unpack_elements(values, x[r]);
        unpack_elements(gradients, gradient[r]);
#pragma unroll
        for (int i = 0; i < STORAGE_VECTOR; i++)
        {
            Normal at_value = normal(values[i]);
            gradients[i] *= fmaf(values[i], at_value.density, at_value.distribution);
        }
        write_elements(d_input + (at.row + r) * d_input_stride, at.column, at.row + r < rows ? features : 0, gradients);
    }
}
