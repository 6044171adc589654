#include "access.h"
#include "synchronization.h"

#include <cstring>

using namespace emulator;

namespace
{
struct MultiplyAccumulate
{
    float c[4];
    unsigned a[4], b[2];
};

float lower(unsigned packed)
{
    unsigned bits = packed << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

float upper(unsigned packed)
{
    unsigned bits = packed & 0xffff0000u;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

/// The product of one warp from what its lanes posted; a sum is one chain over k in order. (Products of two bfloat16 are exact in float, so fused or not is the same.)
void multiply(unsigned char (*slots)[64])
{
    alignas(64) float a[16][16], b[16][8], d[16][8];
    for (int lane = 0; lane < 32; lane++)
    {
        MultiplyAccumulate m;
        std::memcpy(&m, slots[lane], sizeof m);
        int row = lane / 4, column = lane % 4 * 2;
        a[row][column] = lower(m.a[0]);
        a[row][column + 1] = upper(m.a[0]);
        a[row + 8][column] = lower(m.a[1]);
        a[row + 8][column + 1] = upper(m.a[1]);
        a[row][column + 8] = lower(m.a[2]);
        a[row][column + 9] = upper(m.a[2]);
        a[row + 8][column + 8] = lower(m.a[3]);
        a[row + 8][column + 9] = upper(m.a[3]);
        b[column][row] = lower(m.b[0]);
        b[column + 1][row] = upper(m.b[0]);
        b[column + 8][row] = lower(m.b[1]);
        b[column + 9][row] = upper(m.b[1]);
        d[row][column] = m.c[0];
        d[row][column + 1] = m.c[1];
        d[row + 8][column] = m.c[2];
        d[row + 8][column + 1] = m.c[3];
    }
    for (int i = 0; i < 16; i++)
    {
        float sum[8];
        for (int j = 0; j < 8; j++)
            sum[j] = d[i][j];
        for (int k = 0; k < 16; k++)
            for (int j = 0; j < 8; j++)
                sum[j] += a[i][k] * b[k][j];
        for (int j = 0; j < 8; j++)
            d[i][j] = sum[j];
    }
    for (int lane = 0; lane < 32; lane++)
    {
        int row = lane / 4, column = lane % 4 * 2;
        float c[4] = {d[row][column], d[row][column + 1], d[row + 8][column], d[row + 8][column + 1]};
        std::memcpy(slots[lane], c, sizeof c);
    }
}

/// From the 32 row addresses to the four registers of every lane.
void load_matrices(unsigned char (*slots)[64], bool transposed)
{
    uint16_t matrix[4][8][8];
    for (int lane = 0; lane < 32; lane++)
    {
        const void* row;
        std::memcpy(&row, slots[lane], sizeof row);
        std::memcpy(matrix[lane / 8][lane % 8], row, 16);
    }
    for (int lane = 0; lane < 32; lane++)
        for (int m = 0; m < 4; m++)
        {
            int row = lane / 4, column = lane % 4 * 2;
            uint16_t pair[2] = {transposed ? matrix[m][column][row] : matrix[m][row][column], transposed ? matrix[m][column + 1][row] : matrix[m][row][column + 1]};
            std::memcpy(slots[lane] + 4 * m, pair, 4);
        }
}
}

extern "C" __attribute__((visibility("default"))) void emulator_multiply_accumulate(float* c, const unsigned* a, unsigned b0, unsigned b1)
{
    Thread& thread = current_thread();
    Warp& warp = *thread.warp;
    unsigned char(*slots)[64] = warp.slots[warp.generation & 1];
    MultiplyAccumulate value;
    std::memcpy(value.c, c, sizeof value.c);
    std::memcpy(value.a, a, sizeof value.a);
    value.b[0] = b0;
    value.b[1] = b1;
    std::memcpy(slots[thread.lane], &value, sizeof value);
    if (arrive(thread, 8, ALL_LANES, sizeof value, __builtin_return_address(0)))
    {
        multiply(slots);
        release(thread);
    }
    else
        wait_in_warp(thread);
    std::memcpy(c, slots[thread.lane], 16);
}

extern "C" __attribute__((visibility("default"))) void emulator_load_matrix(unsigned* r, const void* row, int transposed)
{
    Thread& thread = current_thread();
    Warp& warp = *thread.warp;
    unsigned char(*slots)[64] = warp.slots[warp.generation & 1];
    if (thread.resident->checked)
        check_matrix_row(thread, row, __builtin_return_address(0));
    std::memcpy(slots[thread.lane], &row, sizeof row);
    if (arrive(thread, transposed != 0 ? 7 : 6, ALL_LANES, sizeof row, __builtin_return_address(0)))
    {
        load_matrices(slots, transposed != 0);
        release(thread);
    }
    else
        wait_in_warp(thread);
    std::memcpy(r, slots[thread.lane], 16);
}
