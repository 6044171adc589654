// A program as NVRTC is given it: source, headers, options; and the record of it that travels with a compiled module and with dumped launches.
#pragma once

#include <string>
#include <vector>

namespace emulator
{
struct Source
{
    std::string name, text;
};

struct Program
{
    Source main;
    std::vector<Source> headers;
    std::vector<std::string> options;
};

/// What of the options matters here.
struct ProgramOptions
{
    int architecture = 52;
    /// sm_80 rather than compute_80.
    bool real = false;
    std::string architecture_text = "compute_52";
    std::vector<std::string> definitions, include_folders;
    std::string standard = "-std=c++17";
};

/// False, and why, for an option that NVRTC would not know, or that would change the kernels' arithmetic.
bool read_options(const std::vector<std::string>& options, ProgramOptions& result, std::string& why);

/// Records of "kind length name", a line feed, the text and a line feed.
std::string write_record(const Program& program);
bool read_record(const std::string& record, Program& program);
}
