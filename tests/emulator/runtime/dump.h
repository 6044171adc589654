// Launches written to a folder, to be replayed under AddressSanitizer and UndefinedBehaviorSanitizer by tests/emulator/replay.
//
// Every launch is a folder "000017-rmsnorm_forward":
//   program        the record of the compiled program (program.h)
//   launch         text: kernel, grid, block, shared bytes; one line per parameter and per allocation
//   memory-N       the bytes of allocation N before the launch, with holes where they are 0
#pragma once

#include "execution.h"
#include "module.h"

#include <cstdint>
#include <string>
#include <vector>

namespace emulator
{
struct DumpedAllocation
{
    uint64_t base, bytes;
    std::string file;
};

struct DumpedLaunch
{
    std::string kernel;
    dim3 grid{1, 1, 1}, block{1, 1, 1};
    unsigned dynamic_shared = 0;
    /// The bytes of every parameter.
    std::vector<std::vector<unsigned char>> parameters;
    std::vector<DumpedAllocation> allocations;
};

/// Writes the launch about to run into a new folder below `folder`; a failure to write is reported, not an error of the launch.
void dump_launch(const std::string& folder, const Function& function, const Launch& launch);
bool read_dump(const std::string& folder, DumpedLaunch& launch, std::string& program_record);
}
