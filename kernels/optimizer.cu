// Gradient norm, AdamW, fill and copy.
//
// gradient_norm: norm = sqrt(sum g^2), factor = min(1, maximum / (norm + 1e-6)), flag = 1 when the norm is finite; blocks of 4096 elements, then the blocks                      (overwrites)
// adamw:         g = gradient * factor; p *= 1 - lr decay; m += (1 - beta1) (g - m); v = beta2 v + (1 - beta2) g^2; p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)  (in place)
// fill, copy:    element by element; copy converts between float and bfloat16, rounding to nearest even                                                                           (overwrite)
// Shapes: [n] contiguous, gradients float, parameters storage, moments float or bfloat16 (two kernels), working copy bfloat16; fill and copy [N, C] with row strides.
//
// AdamW in fp32 gives the CPU's bits, operation by operation. The step's constants come from the host, factor and flag are read here, so that a step needs no answer from the device. What is stored as
// bfloat16 is rounded stochastically by src/Sophia.Native/Operations/StochasticRounding.cs: neighbors e and e ^ 1 share a Philox block, so a thread takes eight neighbors.
// Bound by bytes: the norm reads 4 n; AdamW moves 28 n in float, 16 n with everything but the gradient in bfloat16, 2 n more for a working copy; fill 1, copy 2 times the elements.
// Vectors of 16 bytes where all addresses allow it, single elements otherwise, the same bits. Not yet measured on a GPU. Where to read first: adamw_element.
#include "philox.cuh"

constexpr int NORM_BLOCK = 4096;
constexpr int NORM_THREADS = 256;
constexpr int EACH = 8;
constexpr unsigned ROUNDING_PURPOSE = 0x524F554Eu;

DEVICE bool is_aligned(const void* pointer) { return (reinterpret_cast<unsigned long long>(pointer) & 15) == 0; }

DEVICE double warp_sum(double value)
{
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(FULL_WARP, value, distance);
    return value;
}

/// The sum over the threads of the block in a fixed order, in all of them. `scratch` is shared memory [32] and free after the next barrier.
DEVICE double block_sum(double value, double* scratch)
{
    value = warp_sum(value);
    if (threadIdx.x % WARP == 0) scratch[threadIdx.x / WARP] = value;
    __syncthreads();
    value = 0.0;
    for (int warp = 0; warp < static_cast<int>(blockDim.x) / WARP; warp++) value += scratch[warp];
    return value;
}

/// The sum of squares of each block of 4096: sixteen squares in float by every thread, then in double. Squares beyond the range of float are still a finite norm: that block is taken again in double.
KERNEL(256) gradient_norm_blocks(double* __restrict__ sums, const float* __restrict__ gradients, long long length)
{
    SHARED(double, scratch, WARP);
    SHARED(double, again, WARP);
    const int each = NORM_BLOCK / NORM_THREADS;
    long long start = blockIdx.x * static_cast<long long>(NORM_BLOCK);
    float values[each];
    bool whole = start + NORM_BLOCK <= length && is_aligned(gradients);
#pragma unroll
    for (int i = 0; i < each; i += 4)
    {
        // Thread t takes the elements 4 t to 4 t + 3 of every 1024.
        long long first = start + (i / 4) * 4 * NORM_THREADS + 4 * static_cast<int>(threadIdx.x);
        if (whole)
        {
            Vector16 part = load_vector(gradients + first);
#pragma unroll
            for (int j = 0; j < 4; j++) values[i + j] = bits_float(part.words[j]);
        }
        else
        {
#pragma unroll
            for (int j = 0; j < 4; j++) values[i + j] = first + j < length ? gradients[first + j] : 0.0f;
        }
    }
    float square = 0.0f;
#pragma unroll
    for (int i = 0; i < each; i++) square = fmaf(values[i], values[i], square);
    double sum = block_sum(static_cast<double>(square), scratch);
    if (!(sum <= 1.7976931348623157e308))
    {
        double exact = 0.0;
#pragma unroll
        for (int i = 0; i < each; i++) exact += static_cast<double>(values[i]) * static_cast<double>(values[i]);
        sum = block_sum(exact, again);
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

/// One block: the sums of the blocks, and what follows from the norm.
KERNEL(1024) gradient_norm_finish(float* __restrict__ state, const double* __restrict__ sums, long long blocks, float maximum_norm)
{
    SHARED(double, scratch, WARP);
    double sum = 0.0;
    for (long long block = threadIdx.x; block < blocks; block += blockDim.x) sum += sums[block];
    sum = block_sum(sum, scratch);
    if (threadIdx.x > 0) return;
    float norm = static_cast<float>(sqrt(sum));
    float factor = maximum_norm / (norm + 1e-6f);
    state[0] = norm;
    state[1] = factor > 1.0f ? 1.0f : factor;
    state[2] = fabsf(norm) < bits_float(0x7f800000u) ? 1.0f : 0.0f;
    state[3] = 0.0f;
}

/// The constants of a step, rounded on the host as the CPU rounds them.
struct AdamWConstants
{
    float decay, one_minus_beta1, beta2, one_minus_beta2, epsilon, negative_step_size, root_of_correction;
};

DEVICE void adamw_element(float& parameter, float& first, float& second, float gradient, float factor, const AdamWConstants& constants)
{
    gradient = gradient * factor;
    parameter = parameter * constants.decay;
    first = fmaf(constants.one_minus_beta1, gradient - first, first);
    second = second * constants.beta2;
    second = second + constants.one_minus_beta2 * gradient * gradient;
    float denominator = sqrtf(second) / constants.root_of_correction + constants.epsilon;
    parameter = parameter + constants.negative_step_size * first / denominator;
}

/// Adds 16 random bits and cuts off the lower 16; a NaN becomes the quiet NaN of its sign.
DEVICE bfloat16 round_stochastically(float value, unsigned random)
{
    unsigned bits = float_bits(value);
    bits = value == value ? bits + random : bits | 0x7fc00000u;
    return bfloat16{static_cast<unsigned short>(bits >> 16)};
}

/// Up to eight neighbors as floats; those beyond the count are 0.
DEVICE void load_neighbors(float (&values)[EACH], const float* source, int count, bool aligned)
{
    if (aligned)
    {
        Vector16 low = load_vector(source);
        Vector16 high = load_vector(source + 4);
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            values[i] = bits_float(low.words[i]);
            values[i + 4] = bits_float(high.words[i]);
        }
        return;
    }
#pragma unroll
    for (int i = 0; i < EACH; i++) values[i] = i < count ? source[i] : 0.0f;
}

DEVICE void load_neighbors(float (&values)[EACH], const bfloat16* source, int count, bool aligned)
{
    if (aligned)
    {
        unpack(values, load_vector(source), source);
        return;
    }
#pragma unroll
    for (int i = 0; i < EACH; i++) values[i] = i < count ? to_float(source[i]) : 0.0f;
}

/// Words of random bits, one for two neighbors.
struct RandomBits
{
    unsigned words[EACH / 2];
};

DEVICE void store_rounded(float* destination, const float (&values)[EACH], const RandomBits&, int count, bool aligned)
{
    if (aligned)
    {
        Vector16 low, high;
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            low.words[i] = float_bits(values[i]);
            high.words[i] = float_bits(values[i + 4]);
        }
        store_vector(destination, low);
        store_vector(destination + 4, high);
        return;
    }
#pragma unroll
    for (int i = 0; i < EACH; i++)
    {
        if (i < count) destination[i] = values[i];
    }
}

DEVICE void store_rounded(bfloat16* destination, const float (&values)[EACH], const RandomBits& random, int count, bool aligned)
{
    Vector16 packed;
#pragma unroll
    for (int i = 0; i < EACH / 2; i++)
    {
        unsigned low = round_stochastically(values[2 * i], random.words[i] & 0xffffu).bits;
        unsigned high = round_stochastically(values[2 * i + 1], random.words[i] >> 16).bits;
        packed.words[i] = low | high << 16;
    }
    if (aligned)
    {
        store_vector(destination, packed);
        return;
    }
#pragma unroll
    for (int i = 0; i < EACH; i++)
    {
        if (i < count) destination[i] = bfloat16{static_cast<unsigned short>(packed.words[i / 2] >> 16 * (i % 2))};
    }
}

DEVICE void store_nearest(bfloat16* destination, const float (&values)[EACH], int count, bool aligned)
{
    if (aligned)
    {
        store_vector(destination, pack(values, destination));
        return;
    }
#pragma unroll
    for (int i = 0; i < EACH; i++)
    {
        if (i < count) destination[i] = to_bfloat16(values[i]);
    }
}

template <class moment_t>
DEVICE void adamw(storage_t* parameters, moment_t* first_moments, moment_t* second_moments, bfloat16* working_copy, const float* gradients, const float* state, long long length,
    const AdamWConstants& constants, int step, unsigned long long seed)
{
    const bool is_rounded = sizeof(storage_t) == 2 || sizeof(moment_t) == 2;
    if (state[2] == 0.0f) return;
    float factor = state[1];
    long long start = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) * EACH;
    if (start >= length) return;
    int count = length - start < EACH ? static_cast<int>(length - start) : EACH;
    bool aligned = count == EACH && is_aligned(parameters) && is_aligned(first_moments) && is_aligned(second_moments) && is_aligned(gradients) && is_aligned(working_copy);
    float parameter[EACH], first[EACH], second[EACH], gradient[EACH];
    load_neighbors(gradient, gradients + start, count, aligned);
    load_neighbors(parameter, parameters + start, count, aligned);
    load_neighbors(first, first_moments + start, count, aligned);
    load_neighbors(second, second_moments + start, count, aligned);
#pragma unroll
    for (int i = 0; i < EACH; i++) adamw_element(parameter[i], first[i], second[i], gradient[i], factor, constants);
    RandomBits for_parameter = {}, for_first = {}, for_second = {};
    if (is_rounded)
    {
#pragma unroll
        for (int i = 0; i < EACH / 2; i++)
        {
            unsigned long long pair = static_cast<unsigned long long>(start) / 2 + i;
            PhiloxBlock block = philox(static_cast<unsigned>(pair), static_cast<unsigned>(pair >> 32), static_cast<unsigned>(step), ROUNDING_PURPOSE, seed);
            for_parameter.words[i] = block.words[0];
            for_first.words[i] = block.words[1];
            for_second.words[i] = block.words[2];
        }
    }
    store_rounded(parameters + start, parameter, for_parameter, count, aligned);
    store_rounded(first_moments + start, first, for_first, count, aligned);
    store_rounded(second_moments + start, second, for_second, count, aligned);
    if (working_copy != nullptr) store_nearest(working_copy + start, parameter, count, aligned);
}

/// Moments in float; the working copy is null where there is none.
KERNEL(256) adamw_float_moments(storage_t* __restrict__ parameters, float* __restrict__ first_moments, float* __restrict__ second_moments, bfloat16* __restrict__ working_copy,
    const float* __restrict__ gradients, const float* __restrict__ state, long long length, float decay, float one_minus_beta1, float beta2, float one_minus_beta2, float epsilon,
    float negative_step_size, float root_of_correction, int step, unsigned long long seed)
{
    AdamWConstants constants = {decay, one_minus_beta1, beta2, one_minus_beta2, epsilon, negative_step_size, root_of_correction};
    adamw(parameters, first_moments, second_moments, working_copy, gradients, state, length, constants, step, seed);
}

/// The same with moments in bfloat16.
KERNEL(256) adamw_bfloat16_moments(storage_t* __restrict__ parameters, bfloat16* __restrict__ first_moments, bfloat16* __restrict__ second_moments, bfloat16* __restrict__ working_copy,
    const float* __restrict__ gradients, const float* __restrict__ state, long long length, float decay, float one_minus_beta1, float beta2, float one_minus_beta2, float epsilon,
    float negative_step_size, float root_of_correction, int step, unsigned long long seed)
{
    AdamWConstants constants = {decay, one_minus_beta1, beta2, one_minus_beta2, epsilon, negative_step_size, root_of_correction};
    adamw(parameters, first_moments, second_moments, working_copy, gradients, state, length, constants, step, seed);
}

/// Row and place of this thread's unit of a matrix whose rows have `units` of them.
struct UnitPlace
{
    long long row, unit;
};

DEVICE UnitPlace unit_place(long long units)
{
    long long index = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    return {index / units, index % units};
}

/// Rows of 16-byte units; strides and columns count units. Even words become `low`, odd ones `high`: a double, or twice the same float.
KERNEL(256) fill_vectors(Vector16* __restrict__ view, long long stride, long long rows, long long columns, unsigned low, unsigned high)
{
    UnitPlace place = unit_place(columns);
    if (place.row < rows) store_vector(view + place.row * stride + place.unit, {{low, high, low, high}});
}

/// The same in units of 4 bytes.
KERNEL(256) fill_words(unsigned* __restrict__ view, long long stride, long long rows, long long columns, unsigned low, unsigned high)
{
    UnitPlace place = unit_place(columns);
    if (place.row < rows) view[place.row * stride + place.unit] = place.unit % 2 == 0 ? low : high;
}

/// Rows of 16-byte units; strides and columns count units.
KERNEL(256) copy_vectors(Vector16* __restrict__ destination, long long destination_stride, const Vector16* __restrict__ source, long long source_stride, long long rows, long long columns)
{
    UnitPlace place = unit_place(columns);
    if (place.row < rows) store_vector(destination + place.row * destination_stride + place.unit, load_vector(source + place.row * source_stride + place.unit));
}

KERNEL(256) copy_words(unsigned* __restrict__ destination, long long destination_stride, const unsigned* __restrict__ source, long long source_stride, long long rows, long long columns)
{
    UnitPlace place = unit_place(columns);
    if (place.row < rows) destination[place.row * destination_stride + place.unit] = source[place.row * source_stride + place.unit];
}

KERNEL(256) copy_halves(unsigned short* __restrict__ destination, long long destination_stride, const unsigned short* __restrict__ source, long long source_stride, long long rows, long long columns)
{
    UnitPlace place = unit_place(columns);
    if (place.row < rows) destination[place.row * destination_stride + place.unit] = source[place.row * source_stride + place.unit];
}

/// Eight neighbors a thread; the strides and columns count elements.
KERNEL(256) copy_to_bfloat16(bfloat16* __restrict__ destination, long long destination_stride, const float* __restrict__ source, long long source_stride, long long rows, long long columns)
{
    UnitPlace place = unit_place((columns + EACH - 1) / EACH);
    if (place.row >= rows) return;
    long long column = place.unit * EACH;
    int count = columns - column < EACH ? static_cast<int>(columns - column) : EACH;
    bfloat16* output = destination + place.row * destination_stride + column;
    const float* input = source + place.row * source_stride + column;
    bool aligned = count == EACH && is_aligned(output) && is_aligned(input);
    float values[EACH];
    load_neighbors(values, input, count, aligned);
    store_nearest(output, values, count, aligned);
}

KERNEL(256) copy_to_float(float* __restrict__ destination, long long destination_stride, const bfloat16* __restrict__ source, long long source_stride, long long rows, long long columns)
{
    UnitPlace place = unit_place((columns + EACH - 1) / EACH);
    if (place.row >= rows) return;
    long long column = place.unit * EACH;
    int count = columns - column < EACH ? static_cast<int>(columns - column) : EACH;
    float* output = destination + place.row * destination_stride + column;
    const bfloat16* input = source + place.row * source_stride + column;
    bool aligned = count == EACH && is_aligned(output) && is_aligned(input);
    float values[EACH];
    load_neighbors(values, input, count, aligned);
    store_rounded(output, values, {}, count, aligned);
}
