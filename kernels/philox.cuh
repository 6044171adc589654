// The counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011), word for word src/Sophia.Native/Philox.cs: a block of four words is
// a pure function of counter and key, so random numbers need no state and are the same on every backend. About 60 integer operations a block.
#pragma once

#include "portable.cuh"

struct PhiloxBlock
{
    unsigned words[4];
};

DEVICE PhiloxBlock philox(unsigned counter0, unsigned counter1, unsigned counter2, unsigned counter3, unsigned long long key)
{
    const unsigned multiplier_a = 0xD2511F53u;
    const unsigned multiplier_b = 0xCD9E8D57u;
    unsigned key0 = static_cast<unsigned>(key);
    unsigned key1 = static_cast<unsigned>(key >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++)
    {
        unsigned high_a = __umulhi(multiplier_a, counter0);
        unsigned low_a = multiplier_a * counter0;
        unsigned high_b = __umulhi(multiplier_b, counter2);
        unsigned low_b = multiplier_b * counter2;
        counter0 = high_b ^ counter1 ^ key0;
        counter1 = low_b;
        counter2 = high_a ^ counter3 ^ key1;
        counter3 = low_a;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return {{counter0, counter1, counter2, counter3}};
}

/// A word as a float in the open interval (0, 1): (its upper 23 bits + 1/2) / 2^23, exact.
DEVICE float philox_unit(unsigned word) { return (static_cast<float>(word >> 9) + 0.5f) * (1.0f / 8388608.0f); }
