// Around the vision encoder: tiles cut into patches, class token and positions, and the 2 x 2 pixel shuffle. Rows that change places.
//
// Patches:         patches[t, i, j][(channel, y, x)] = pixels[t][channel, i p + y, j p + x]                   (overwrites)
// Vision tokens:   output[t, 0] = classToken + positions[0]; output[t, 1 + q] = patches[t, q] + positions[1 + q]   (overwrites)
// Their gradients: dPatches[t, q] = dOutput[t, 1 + q] (overwrites); dClassToken += sum over t of dOutput[t, 0]; dPositions += sum over t of dOutput[t]; tiles in order (accumulate, float)
// Pixel shuffle:   output[t, I w/2 + J][(2 di + dj) C + c] = input[t, 1 + (2I + di) w + 2J + dj][c]; backward the inverse, the class token's row gets zero   (overwrite)
// Shapes:          pixels [tiles, 3 height width]: float; patches [tiles P, 3 p p] or [tiles P, C], output [tiles (1 + P), C] or [tiles P/4, 4C], classToken [C], positions [1 + P, C]: storage;
//                  dClassToken [C], dPositions [1 + P, C]: float.
//
// Bound by bytes: every element of a batch is read once and written once (the table of positions is read once per tile, from L2); backward of the tokens reads dOutput once for all three gradients.
// Not yet measured on a GPU. Where to read first: pixel_shuffle_forward.
#include "rows.cuh"

/// Tiles whose gradients are loaded before they are added.
constexpr int IN_FLIGHT = 8;

/// One thread: STORAGE_VECTOR elements of the patches in a row, written in one access where the matrix has no gaps.
KERNEL(256) patch_extract(storage_t* __restrict__ patches, long long patches_stride, const float* __restrict__ pixels, long long pixels_stride, int rows, int height, int width, int patch_size)
{
    int area = patch_size * patch_size;
    int columns = 3 * area;
    long long first = (static_cast<long long>(blockIdx.x) * 256 + threadIdx.x) * STORAGE_VECTOR;
    long long total = static_cast<long long>(rows) * columns;
    if (first >= total) return;
    int patches_across = width / patch_size;
    int patches_down = height / patch_size;
    int row = static_cast<int>(first / columns);
    int column = static_cast<int>(first % columns);
    int count = total - first < STORAGE_VECTOR ? static_cast<int>(total - first) : STORAGE_VECTOR;
    bool whole = count == STORAGE_VECTOR && patches_stride == columns && is_aligned(patches);
    float values[STORAGE_VECTOR];
#pragma unroll
    for (int i = 0; i < STORAGE_VECTOR; i++)
    {
        if (i >= count) continue;
        int channel = column / area;
        int y = column % area / patch_size;
        int x = column % patch_size;
        int band = row / patches_across;
        int left = row % patches_across * patch_size;
        int top = band % patches_down * patch_size;
        values[i] = pixels[band / patches_down * pixels_stride + (static_cast<long long>(channel) * height + top + y) * width + left + x];
        if (!whole) store(patches + row * patches_stride + column, values[i]);
        if (++column == columns)
        {
            column = 0;
            row++;
        }
    }
    if (whole) store_elements(patches + first, values);
}

/// One block: STORAGE_VECTOR * 128 columns of one row.
KERNEL(128) vision_tokens_forward(storage_t* __restrict__ output, long long output_stride, const storage_t* __restrict__ patches, long long patches_stride,
    const storage_t* __restrict__ class_token, const storage_t* __restrict__ positions, long long positions_stride, int columns, int patch_count)
{
    int column = static_cast<int>(blockIdx.y * 128 + threadIdx.x) * STORAGE_VECTOR;
    int count = columns - column < STORAGE_VECTOR ? columns - column : STORAGE_VECTOR;
    if (count <= 0) return;
    long long row = blockIdx.x;
    int tile = static_cast<int>(row / (1 + patch_count));
    int token = static_cast<int>(row % (1 + patch_count));
    const storage_t* content = token == 0 ? class_token : patches + (row - tile - 1) * patches_stride;
    float values[STORAGE_VECTOR];
    float offsets[STORAGE_VECTOR];
    load_columns(values, content + column, count);
    load_columns(offsets, positions + token * positions_stride + column, count);
#pragma unroll
    for (int i = 0; i < STORAGE_VECTOR; i++) values[i] += offsets[i];
    store_columns(output + row * output_stride + column, values, count);
}

/// One block: STORAGE_VECTOR * 128 columns of one token in all tiles, in their order. Gradients that are not wanted are null.
KERNEL(128) vision_tokens_backward(storage_t* __restrict__ d_patches, long long d_patches_stride, float* __restrict__ d_class_token, float* __restrict__ d_positions, long long d_positions_stride,
    const storage_t* __restrict__ d_output, long long d_output_stride, int columns, int patch_count, int tiles)
{
    int column = static_cast<int>(blockIdx.y * 128 + threadIdx.x) * STORAGE_VECTOR;
    int count = columns - column < STORAGE_VECTOR ? columns - column : STORAGE_VECTOR;
    if (count <= 0) return;
    int token = static_cast<int>(blockIdx.x);
    float* position = d_positions == nullptr ? nullptr : d_positions + token * d_positions_stride + column;
    float* class_token = d_class_token == nullptr || token > 0 ? nullptr : d_class_token + column;
    storage_t* patch = d_patches == nullptr || token == 0 ? nullptr : d_patches + (token - 1) * d_patches_stride + column;
    float position_sums[STORAGE_VECTOR] = {};
    float class_token_sums[STORAGE_VECTOR] = {};
    if (position != nullptr) load_columns(position_sums, position, count);
    if (class_token != nullptr) load_columns(class_token_sums, class_token, count);
    bool vectors = count == STORAGE_VECTOR && is_aligned(d_output + column) && is_aligned(d_output + column + d_output_stride);
    for (int first = 0; first < tiles; first += IN_FLIGHT)
    {
        Vector16 parts[IN_FLIGHT];
        if (vectors)
        {
#pragma unroll
            for (int i = 0; i < IN_FLIGHT; i++)
            {
                long long row = static_cast<long long>(first + i) * (1 + patch_count) + token;
                if (first + i < tiles) parts[i] = load_vector(d_output + row * d_output_stride + column);
            }
        }
#pragma unroll
        for (int i = 0; i < IN_FLIGHT; i++)
        {
            if (first + i >= tiles) break;
            float values[STORAGE_VECTOR];
            long long row = static_cast<long long>(first + i) * (1 + patch_count) + token;
            if (vectors) unpack(values, parts[i], d_output);
            else load_columns(values, d_output + row * d_output_stride + column, count);
            add_columns(position_sums, values);
            add_columns(class_token_sums, values);
            if (patch != nullptr) store_columns(patch + static_cast<long long>(first + i) * patch_count * d_patches_stride, values, count);
        }
    }
    if (position != nullptr) store_columns(position, position_sums, count);
    if (class_token != nullptr) store_columns(class_token, class_token_sums, count);
}

/// One block: one of the four neighbors of a row of the output.
KERNEL(128) pixel_shuffle_forward(storage_t* __restrict__ output, long long output_stride, const storage_t* __restrict__ input, long long input_stride, int columns, int grid_height, int grid_width)
{
    long long row = blockIdx.x;
    int corner = static_cast<int>(blockIdx.y);
    long long band = row / (grid_width / 2);
    int x = static_cast<int>(row % (grid_width / 2)) * 2 + corner % 2;
    int y = static_cast<int>(band % (grid_height / 2)) * 2 + corner / 2;
    long long source = band / (grid_height / 2) * (1 + static_cast<long long>(grid_height) * grid_width) + 1 + static_cast<long long>(y) * grid_width + x;
    copy_row(output + row * output_stride + static_cast<long long>(corner) * columns, input + source * input_stride, columns);
}

/// One block: one row of dInput.
KERNEL(128) pixel_shuffle_backward(storage_t* __restrict__ d_input, long long d_input_stride, const storage_t* __restrict__ d_output, long long d_output_stride,
    int columns, int grid_height, int grid_width)
{
    long long row = blockIdx.x;
    int tokens = 1 + grid_height * grid_width;
    long long tile = row / tokens;
    int token = static_cast<int>(row % tokens);
    storage_t* target = d_input + row * d_input_stride;
    if (token == 0)
    {
        clear_row(target, columns);
        return;
    }
    int x = (token - 1) % grid_width;
    int y = (token - 1) / grid_width;
    long long joined = (tile * (grid_height / 2) + y / 2) * (grid_width / 2) + x / 2;
    int corner = y % 2 * 2 + x % 2;
    copy_row(target, d_output + joined * d_output_stride + static_cast<long long>(corner) * columns, columns);
}
