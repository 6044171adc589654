// Compiles kernels for the host with g++ against include/emulator.h.
#pragma once

#include "program.h"

#include <string>
#include <vector>

namespace emulator
{
enum class Flavor
{
    /// As fast as the host can, nothing is watched.
    Fast,
    /// Every plain load and store calls access.cpp.
    Checked,
    /// With AddressSanitizer and UndefinedBehaviorSanitizer, for replay alone.
    Sanitized,
};

enum class CompileResult
{
    Done,
    /// The program is wrong; the log says why.
    Refused,
    /// The machine cannot compile; the log says why.
    Broken,
};

CompileResult compile_kernels(const Program& program, const ProgramOptions& options, Flavor flavor, std::vector<unsigned char>& image, std::string& log);
}
