// A compiled module: the "cubin" is a host library whose ELF header carries a checksum; loading writes it to a file in memory and opens that.
#pragma once

#include "../include/emulator_abi.h"
#include "execution.h"

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace emulator
{
struct Module;

struct Function
{
    Module* module = nullptr;
    const EmulatorKernel* kernel = nullptr;
    /// Set by cuFuncSetAttribute; -1 is the default of 48 KB.
    int dynamic_shared_limit = -1;
    /// Largest amount of declared shared memory that a launch has used.
    unsigned static_shared = 0;

    unsigned parameter_bytes() const;
};

struct Module
{
    void* library = nullptr;
    int file = -1;
    const EmulatorModule* description = nullptr;
    CodeRange code;
    const void* context = nullptr;
    std::map<std::string, std::unique_ptr<Function>> functions;

    ~Module();
};

/// Writes the checksum of a library into the padding of its ELF header.
void seal_image(std::vector<unsigned char>& image);
/// The bytes of the image at an address: a sealed library, or the text form of one. Empty if it is neither, or damaged; never faults.
std::vector<unsigned char> read_image(const void* address);
/// The text form ("PTX"): a header in comments and the library in hexadecimal.
std::string image_as_text(const std::vector<unsigned char>& image, const std::string& architecture);

/// Opens a sealed library; null, and why, if it cannot be.
std::unique_ptr<Module> open_module(const std::vector<unsigned char>& image, std::string& why);
/// A hash of the headers that kernels are compiled with and of this processor.
uint64_t kernel_environment();
uint64_t checksum(const void* data, size_t bytes, uint64_t start = 1469598103934665603ull);
}
