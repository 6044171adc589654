// cuInit, devices and contexts.
#include "entry.h"

#include <algorithm>
#include <cstring>

namespace emulator
{
std::atomic<bool> initialized{false};

namespace
{
Device& device_of(int ordinal)
{
    if (ordinal < 0 || ordinal >= static_cast<int>(devices().size()) || ordinal >= options().devices)
        throw DriverError{CUDA_ERROR_INVALID_DEVICE, "device " + std::to_string(ordinal) + " does not exist"};
    return *devices()[static_cast<size_t>(ordinal)];
}

Context& context_of(void* handle)
{
    Context* context = static_cast<Context*>(handle);
    if (!context_exists(context))
        throw DriverError{CUDA_ERROR_INVALID_CONTEXT, "no such context"};
    return *context;
}

std::pair<int, int> capability(const Device& device)
{
    Options o = options();
    auto other = o.capability.find(device.ordinal);
    int major = device.major, minor = device.minor;
    if (other != o.capability.end())
        std::sscanf(other->second.c_str(), "%d.%d", &major, &minor);
    return {major, minor};
}

/// Attribute numbers of CUdevice_attribute.
int attribute(const Device& device, int number)
{
    switch (number)
    {
    case 1: return 1024; // threads of a block
    case 2: case 3: return 1024; // block x, y
    case 4: return 64; // block z
    case 5: return 2147483647; // grid x
    case 6: case 7: return 65535; // grid y, z
    case 8: return 48 * 1024; // shared memory of a block
    case 9: return 64 * 1024; // constant memory
    case 10: return 32; // warp
    case 11: return 2147483647; // pitch
    case 12: case 82: return 65536; // registers of a block, of a multiprocessor
    case 13: return 1000000; // clock in kHz
    case 14: return 512; // texture alignment
    case 15: case 40: return 1; // copies beside kernels
    case 16: return 4; // multiprocessors: few, so that persistent kernels have small grids
    case 17: case 18: case 32: case 35: return 0; // timeout, integrated, ECC, TCC
    case 19: return 1; // can map host memory
    case 20: return 0; // compute mode
    case 31: return 1; // concurrent kernels
    case 33: return device.ordinal + 1; // PCI bus
    case 34: case 50: return 0; // PCI device, domain
    case 36: return 1000000; // memory clock in kHz
    case 37: return 256; // bus width
    case 38: return 4 * 1024 * 1024; // L2 cache
    case 39: return 2048; // threads of a multiprocessor
    case 41: return 1; // unified addressing
    case 75: return capability(device).first;
    case 76: return capability(device).second;
    case 78: return 1; // stream priorities
    case 81: return static_cast<int>(device.shared_opt_in()) + 1024; // shared memory of a multiprocessor
    case 83: case 88: case 89: return 0; // managed memory, pageable access, concurrent managed access
    case 95: case 98: return 0; // cooperative launch
    case 97: return static_cast<int>(device.shared_opt_in()); // shared memory of a block by opt-in
    case 102: return 0; // virtual memory management
    case 106: return 32; // blocks of a multiprocessor
    case 111: return 1024; // shared memory reserved per block
    case 115: return 1; // memory pools, for cuMemAllocAsync
    default: return 0;
    }
}

std::unique_ptr<Context> make_context(Device& device, bool primary)
{
    auto context = std::make_unique<Context>(device);
    context->primary = primary;
    return context;
}
}
}

using namespace emulator;

ENTRY cuInit(unsigned flags)
{
    if (int fault = injected_fault("cuInit"))
        return fault;
    if (flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (options().devices <= 0)
        return CUDA_ERROR_NO_DEVICE;
    try
    {
        devices();
        pinned_memory();
    }
    catch (const std::bad_alloc&)
    {
        report("cuInit: address space for the devices cannot be reserved");
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    initialized = true;
    return CUDA_SUCCESS;
}

ENTRY cuDriverGetVersion(int* version)
{
    if (int fault = injected_fault("cuDriverGetVersion"))
        return fault;
    if (version == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *version = options().driver_version;
    return CUDA_SUCCESS;
}

ENTRY cuGetErrorName(int error, const char** text)
{
    *text = cuda_error_name(error);
    return *text == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

ENTRY cuGetErrorString(int error, const char** text)
{
    *text = cuda_error_text(error);
    return *text == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

ENTRY cuDeviceGetCount(int* count)
{
    return guarded("cuDeviceGetCount", [&] {
        require(count != nullptr, "count is null");
        *count = std::min(options().devices, static_cast<int>(devices().size()));
        return 0;
    });
}

ENTRY cuDeviceGet(int* device, int ordinal)
{
    return guarded("cuDeviceGet", [&] {
        require(device != nullptr, "device is null");
        *device = device_of(ordinal).ordinal;
        return 0;
    });
}

ENTRY cuDeviceGetName(char* name, int bytes, int device)
{
    return guarded("cuDeviceGetName", [&] {
        require(name != nullptr && bytes > 0, "no room for the name");
        std::snprintf(name, static_cast<size_t>(bytes), "%s", device_of(device).name.c_str());
        return 0;
    });
}

static int uuid(const char* name, unsigned char* bytes, int device)
{
    return guarded(name, [&] {
        require(bytes != nullptr, "uuid is null");
        std::memcpy(bytes, "SophiaEmulator-", 15);
        bytes[15] = static_cast<unsigned char>('0' + device_of(device).ordinal);
        return 0;
    });
}

ENTRY cuDeviceGetUuid(unsigned char* bytes, int device) { return uuid("cuDeviceGetUuid", bytes, device); }
ENTRY cuDeviceGetUuid_v2(unsigned char* bytes, int device) { return uuid("cuDeviceGetUuid_v2", bytes, device); }

ENTRY cuDeviceTotalMem_v2(size_t* bytes, int device)
{
    return guarded("cuDeviceTotalMem_v2", [&] {
        require(bytes != nullptr, "bytes is null");
        device_of(device);
        *bytes = options().memory;
        return 0;
    });
}

ENTRY cuDeviceGetAttribute(int* value, int number, int device)
{
    return guarded("cuDeviceGetAttribute", [&] {
        require(value != nullptr && number > 0, "no such attribute");
        *value = attribute(device_of(device), number);
        return 0;
    });
}

ENTRY cuDeviceGetPCIBusId(char* text, int bytes, int device)
{
    return guarded("cuDeviceGetPCIBusId", [&] {
        std::snprintf(text, static_cast<size_t>(bytes), "0000:%02X:00.0", device_of(device).ordinal + 1);
        return 0;
    });
}

ENTRY cuDevicePrimaryCtxRetain(void** context, int ordinal)
{
    return guarded("cuDevicePrimaryCtxRetain", [&] {
        require(context != nullptr, "context is null");
        Device& device = device_of(ordinal);
        std::lock_guard<std::recursive_mutex> lock(device.mutex);
        if (device.primary == nullptr)
            device.primary = make_context(device, true);
        device.primary_references++;
        *context = device.primary.get();
        return 0;
    });
}

static int reset_primary(const char* name, int ordinal, bool release)
{
    return guarded(name, [&] {
        Device& device = device_of(ordinal);
        std::lock_guard<std::recursive_mutex> lock(device.mutex);
        if (device.primary == nullptr)
            return release ? CUDA_ERROR_INVALID_CONTEXT : CUDA_SUCCESS;
        if (release && --device.primary_references > 0)
            return CUDA_SUCCESS;
        // What is queued is still carried out.
        if (device.primary->error == 0)
            device.primary->run_all();
        device.primary_references = 0;
        device.primary.reset();
        return CUDA_SUCCESS;
    });
}

ENTRY cuDevicePrimaryCtxRelease_v2(int device) { return reset_primary("cuDevicePrimaryCtxRelease_v2", device, true); }
ENTRY cuDevicePrimaryCtxReset_v2(int device) { return reset_primary("cuDevicePrimaryCtxReset_v2", device, false); }

ENTRY cuDevicePrimaryCtxSetFlags_v2(int device, unsigned)
{
    return guarded("cuDevicePrimaryCtxSetFlags_v2", [&] {
        device_of(device);
        return 0;
    });
}

ENTRY cuDevicePrimaryCtxGetState(int ordinal, unsigned* flags, int* active)
{
    return guarded("cuDevicePrimaryCtxGetState", [&] {
        Device& device = device_of(ordinal);
        std::lock_guard<std::recursive_mutex> lock(device.mutex);
        *flags = 0;
        *active = device.primary != nullptr;
        return 0;
    });
}

ENTRY cuCtxCreate_v2(void** context, unsigned, int ordinal)
{
    return guarded("cuCtxCreate_v2", [&] {
        require(context != nullptr, "context is null");
        Device& device = device_of(ordinal);
        std::lock_guard<std::recursive_mutex> lock(device.mutex);
        Context* made = make_context(device, false).release();
        push_context(made);
        *context = made;
        return 0;
    });
}

ENTRY cuCtxDestroy_v2(void* handle)
{
    return guarded("cuCtxDestroy_v2", [&] {
        Context& context = context_of(handle);
        if (context.primary)
            throw DriverError{CUDA_ERROR_INVALID_CONTEXT, "the primary context is released, not destroyed"};
        std::unique_lock<std::recursive_mutex> lock(context.device->mutex);
        if (context.error == 0)
            context.run_all();
        if (current_context() == &context)
            pop_context();
        delete &context;
        return 0;
    });
}

ENTRY cuCtxSetCurrent(void* handle)
{
    return guarded("cuCtxSetCurrent", [&] {
        set_current_context(handle == nullptr ? nullptr : &context_of(handle));
        return 0;
    });
}

ENTRY cuCtxGetCurrent(void** handle)
{
    return guarded("cuCtxGetCurrent", [&] {
        *handle = current_context();
        return 0;
    });
}

ENTRY cuCtxPushCurrent_v2(void* handle)
{
    return guarded("cuCtxPushCurrent_v2", [&] {
        push_context(&context_of(handle));
        return 0;
    });
}

ENTRY cuCtxPopCurrent_v2(void** handle)
{
    return guarded("cuCtxPopCurrent_v2", [&] {
        Context* context = pop_context();
        if (handle != nullptr)
            *handle = context;
        return 0;
    });
}

ENTRY cuCtxGetDevice(int* device)
{
    return with_context("cuCtxGetDevice", [&](Context& context) {
        *device = context.device->ordinal;
        return 0;
    });
}

ENTRY cuCtxGetFlags(unsigned* flags)
{
    return with_context("cuCtxGetFlags", [&](Context&) {
        *flags = 0;
        return 0;
    });
}

ENTRY cuCtxGetApiVersion(void* handle, unsigned* version)
{
    return guarded("cuCtxGetApiVersion", [&] {
        if (handle != nullptr)
            context_of(handle);
        *version = 3020;
        return 0;
    });
}

ENTRY cuCtxSynchronize()
{
    return with_context("cuCtxSynchronize", [&](Context& context) {
        context.forbid_in_capture();
        context.run_all();
        return context.error;
    });
}

ENTRY cuCtxGetStreamPriorityRange(int* least, int* greatest)
{
    return with_context("cuCtxGetStreamPriorityRange", [&](Context&) {
        if (least != nullptr)
            *least = 0;
        if (greatest != nullptr)
            *greatest = -5;
        return 0;
    });
}

/// What is alive, so that tests can see leaks: "contexts", or one of "allocations", "bytes", "peak-bytes", "total-allocations", "streams", "events", "modules", "graphs", "launches" of a device,
/// "pinned-allocations" and "pinned-bytes" of the process. -1 for an unknown name.
extern "C" __attribute__((visibility("default"))) long long emulator_count(const char* what, int ordinal)
{
    if (!initialized || what == nullptr)
        return -1;
    std::string name = what;
    if (name == "pinned-allocations" || name == "pinned-bytes")
    {
        std::lock_guard<std::mutex> lock(pinned_mutex());
        return static_cast<long long>(name == "pinned-bytes" ? pinned_memory().used() : pinned_memory().live_count());
    }
    if (ordinal < 0 || ordinal >= static_cast<int>(devices().size()))
        return -1;
    Device& device = *devices()[static_cast<size_t>(ordinal)];
    std::lock_guard<std::recursive_mutex> lock(device.mutex);
    auto over_contexts = [&](auto count) {
        long long sum = 0;
        for_each_context([&](Context& context) {
            if (context.device == &device)
                sum += static_cast<long long>(count(context));
        });
        return sum;
    };
    if (name == "contexts") return over_contexts([](Context&) { return 1; });
    if (name == "allocations") return static_cast<long long>(device.memory->live_count());
    if (name == "bytes") return static_cast<long long>(device.memory->used());
    if (name == "peak-bytes") return static_cast<long long>(device.memory->peak());
    if (name == "total-allocations") return static_cast<long long>(device.memory->allocation_count());
    if (name == "streams") return over_contexts([](Context& context) { return context.streams.size(); });
    if (name == "events") return over_contexts([](Context& context) { return context.events.size(); });
    if (name == "modules") return over_contexts([](Context& context) { return context.modules.size(); });
    if (name == "graphs") return over_contexts([](Context& context) { return context.graphs.size(); });
    if (name == "launches") return static_cast<long long>(device.launches);
    return -1;
}
