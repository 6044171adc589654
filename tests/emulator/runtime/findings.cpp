#include "execution.h"

#include "cuda_errors.h"
#include "process.h"
#include "synchronization.h"

#include <cstdio>

namespace emulator
{
std::string describe(dim3 value)
{
    return "(" + std::to_string(value.x) + ", " + std::to_string(value.y) + ", " + std::to_string(value.z) + ")";
}

std::string describe_thread(const Thread& thread)
{
    return "block " + describe(thread.block) + ", thread " + describe(thread.thread) + " (warp " + std::to_string(thread.linear / 32) + ", lane " + std::to_string(thread.lane) + ")";
}

void Runner::explain_deadlock()
{
    for (auto& block : blocks_)
    {
        if (!block->active)
            continue;
        std::string text = "deadlock: of " + std::to_string(block->thread_count) + " threads ";
        text += std::to_string(block->at_barrier) + " wait in __syncthreads, " + std::to_string(block->exited) + " have ended";
        for (unsigned i = 0; i < (block->thread_count + 31) / 32; i++)
        {
            Warp& warp = block->warps[i];
            if (warp.arrived == 0)
                continue;
            char mask[16];
            std::snprintf(mask, sizeof mask, "0x%08x", warp.arrived);
            text += ", lanes " + std::string(mask) + " of warp " + std::to_string(i) + " wait in " + operation_name(warp.operation) + " for the others";
        }
        for (unsigned i = 0; i < block->thread_count; i++)
            if (block->threads[i].state == ThreadState::AtBarrier)
            {
                text += "; the barrier is " + std::string(block->threads[i].barrier_file) + ":" + std::to_string(block->threads[i].barrier_line);
                break;
            }
        fail(CUDA_ERROR_LAUNCH_TIMEOUT, text, nullptr);
    }
    fail(CUDA_ERROR_LAUNCH_FAILED, "no thread can run", nullptr);
}

void Runner::fail(int error, const std::string& what, const void* code)
{
    Launch& launch = *launch_;
    {
        std::lock_guard<std::mutex> lock(launch.mutex);
        if (launch.finding.error == 0)
        {
            std::string line = code == nullptr ? "" : source_line(launch.code, code);
            launch.finding.error = error;
            launch.finding.text = std::string(launch.kernel->name) + ": " + what + "\n  at " + (line.empty() ? "" : line + ", ") + describe_thread(*current_) + ", grid " + describe(launch.grid) +
                                  ", block size " + describe(launch.block) + ", dynamic shared memory " + std::to_string(launch.dynamic_shared) + " bytes, on " + launch.device_name;
        }
    }
    launch.stopped = true;
    abandoned_ = true;
    Fiber* here = current_->fiber;
    switch_fiber(*here, main_);
    __builtin_unreachable();
}

std::string source_line(const CodeRange& range, const void* code)
{
    uintptr_t address = reinterpret_cast<uintptr_t>(code);
    if (range.file.empty() || address < range.base || address >= range.end)
        return "";
    char offset[32];
    std::snprintf(offset, sizeof offset, "0x%zx", static_cast<size_t>(address - 1 - range.base));
    std::string output;
    if (run_process({"addr2line", "-i", "-s", "-e", range.file, offset}, "", output) != 0)
        return "";
    // Innermost first; helpers of the thin layer come before the line of the kernel that called them.
    std::string text;
    size_t begin = 0;
    while (begin < output.size())
    {
        size_t end = output.find('\n', begin);
        if (end == std::string::npos)
            end = output.size();
        std::string line = output.substr(begin, end - begin);
        begin = end + 1;
        size_t discriminator = line.find(" (discriminator");
        if (discriminator != std::string::npos)
            line.resize(discriminator);
        if (line.empty() || line[0] == '?')
            continue;
        text += (text.empty() ? "" : " called from ") + line;
    }
    return text;
}
}
