// Runs a program of the machine (the compiler, addr2line) and collects what it prints.
#pragma once

#include <string>
#include <vector>

namespace emulator
{
/// The exit status, or -1 if the program could not be run; both its streams come back in `output`. `folder` is the working folder, or "".
int run_process(const std::vector<std::string>& arguments, const std::string& folder, std::string& output);
}
