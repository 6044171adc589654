// What the environment and emulator_configure say: size of the devices, seeds, and faults to inject.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace emulator
{
struct Options
{
    int devices = 4;
    int driver_version = 12080;
    int nvrtc_major = 12, nvrtc_minor = 4;
    /// Bytes of each device.
    uint64_t memory = uint64_t(16) << 30;
    uint64_t seed = 1;
    unsigned workers = 1;
    /// Processor time after which a thread that waits for nothing, and a launch, count as endless.
    int turn_seconds = 15, launch_seconds = 300;
    std::string compiler = "g++", cache;
    /// A folder to write every launch to, or "", and the kernels it is limited to, separated by spaces, or "" for all.
    std::string dump, dump_kernels;
    /// "7.5" for a device that shall have another capability than its own.
    std::map<int, std::string> capability;
};

/// A copy; the keys are in README.md.
Options options();

/// Counts a call of an entry point; the error to return instead of carrying it out, or 0.
int injected_fault(const char* entry_point);
/// The error with which the work of this launch shall fail, or 0.
int injected_launch_failure();
/// True if this allocation shall be refused.
bool injected_allocation_failure();
/// The text a compilation shall fail with, or "".
std::string injected_compile_failure();

/// Findings and refused calls are printed to stderr, unless switched off, and kept for emulator_last_report.
void report(const std::string& text);
}
