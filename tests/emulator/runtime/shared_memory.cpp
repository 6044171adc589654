#include "execution.h"

#include "cuda_errors.h"

#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

using namespace emulator;

extern "C" __attribute__((visibility("default"))) void* emulator_dynamic_shared()
{
    return current_thread().resident->dynamic_shared();
}

extern "C" __attribute__((visibility("default"))) void* emulator_static_shared(const EmulatorSharedSite* site)
{
    Thread& thread = current_thread();
    Block& block = *thread.resident;
    for (StaticShared& known : block.static_sites)
        if (known.site == site)
            return block.shared + known.offset;
    // First use in this block; the offset is that of the launch's first use.
    Launch& launch = *block.launch;
    unsigned offset = 0;
    bool too_much = false;
    {
        std::lock_guard<std::mutex> lock(launch.mutex);
        for (StaticShared& known : launch.static_sites)
            if (known.site == site)
                offset = known.offset;
        if (offset == 0)
        {
            unsigned gap = SHARED_GAP;
            unsigned end = SHARED_GAP + launch.dynamic_shared;
            if (!launch.static_sites.empty())
                end = launch.static_sites.back().offset + launch.static_sites.back().site->bytes;
            // A multiple of 16, as declared, and of no more.
            offset = (end + gap + 31) / 32 * 32 + 16;
            launch.static_bytes += (site->bytes + 15) / 16 * 16;
            too_much = launch.static_bytes > launch.static_shared_limit || launch.static_bytes + launch.dynamic_shared > launch.total_shared_limit;
            launch.static_sites.push_back({site, offset});
        }
    }
    if (too_much)
        block.runner->fail(CUDA_ERROR_INVALID_VALUE, "shared memory: " + std::to_string(launch.static_bytes) + " bytes declared and " + std::to_string(launch.dynamic_shared) + " dynamic, the limit is " +
                           std::to_string(launch.total_shared_limit) + " (" + std::to_string(launch.static_shared_limit) + " declared)", __builtin_return_address(0));
    block.static_sites.push_back({site, offset});
    if (block.checked)
        std::memset(block.shared + offset, 0xFF, site->bytes);
#if defined(__SANITIZE_ADDRESS__)
    ASAN_UNPOISON_MEMORY_REGION(block.shared + offset, site->bytes);
#endif
    return block.shared + offset;
}
