// Allocations, copies and fills.
#include "entry.h"

#include <cstring>

namespace emulator
{
namespace
{
CUdeviceptr allocate(Context& context, size_t bytes, const char* origin)
{
    require(bytes > 0, "an allocation of 0 bytes");
    if (injected_allocation_failure())
        throw DriverError{CUDA_ERROR_OUT_OF_MEMORY, "this allocation was told to fail"};
    Memory& memory = *context.device->memory;
    uint64_t total = options().memory;
    uintptr_t base = memory.used() + bytes > total ? 0 : memory.allocate(bytes, origin, &context);
    if (base == 0)
        throw DriverError{CUDA_ERROR_OUT_OF_MEMORY, std::to_string(bytes) + " bytes asked for, " + std::to_string(total > memory.used() ? total - memory.used() : 0) + " of " + std::to_string(total) + " free"};
    return base;
}

/// Device memory or pinned memory that a copy or fill may touch; throws otherwise.
unsigned char* device_range(Context& context, CUdeviceptr address, size_t bytes)
{
    uintptr_t at = static_cast<uintptr_t>(address);
    if (context.device->memory->find(at, bytes) == nullptr)
    {
        std::lock_guard<std::mutex> lock(pinned_mutex());
        if (pinned_memory().find(at, bytes) == nullptr)
            throw DriverError{CUDA_ERROR_INVALID_VALUE, std::to_string(bytes) + " bytes from " + (pinned_memory().holds(at) ? pinned_memory().describe(at) : context.device->memory->describe(at)) +
                              " are not all in a live allocation"};
    }
    return reinterpret_cast<unsigned char*>(at);
}

/// When a copy or fill runs: whether its memory was freed since the call (by cuMemFreeAsync), which fails the context.
bool still_live(Context& context, const void* address, size_t bytes)
{
    uintptr_t at = reinterpret_cast<uintptr_t>(address);
    if (!context.device->memory->holds(at) || context.device->memory->find(at, bytes) != nullptr)
        return true;
    report("a copy or fill reaches freed memory: " + context.device->memory->describe(at));
    context.error = CUDA_ERROR_ILLEGAL_ADDRESS;
    return false;
}

bool is_pinned(const void* host)
{
    std::lock_guard<std::mutex> lock(pinned_mutex());
    uintptr_t at = reinterpret_cast<uintptr_t>(host);
    return pinned_memory().holds(at) && pinned_memory().find(at, 1) != nullptr;
}

/// Host memory of a copy: all of a pinned allocation if it begins in one, never device memory.
void require_host(Context& context, const void* host, size_t bytes)
{
    uintptr_t at = reinterpret_cast<uintptr_t>(host);
    require(host != nullptr, "the host pointer is null");
    if (context.device->memory->holds(at))
        throw DriverError{CUDA_ERROR_INVALID_VALUE, "the host pointer is device memory: " + context.device->memory->describe(at)};
    std::lock_guard<std::mutex> lock(pinned_mutex());
    if (pinned_memory().holds(at) && pinned_memory().find(at, bytes) == nullptr)
        throw DriverError{CUDA_ERROR_INVALID_VALUE, std::to_string(bytes) + " bytes from " + pinned_memory().describe(at) + " are not all in a live allocation"};
}

void copy_to_device(Context& context, Stream& stream, CUdeviceptr target, const void* source, size_t bytes)
{
    if (bytes == 0)
        return;
    unsigned char* device = device_range(context, target, bytes);
    require_host(context, source, bytes);
    if (is_pinned(source) || stream.capture != nullptr)
        context.enqueue(stream, [=, &context] {
            if (still_live(context, device, bytes))
                std::memcpy(device, source, bytes);
        });
    else
    {
        // Pageable memory is staged: the caller may change it at once.
        auto staged = std::make_shared<std::vector<unsigned char>>(static_cast<const unsigned char*>(source), static_cast<const unsigned char*>(source) + bytes);
        context.enqueue(stream, [=, &context] {
            if (still_live(context, device, bytes))
                std::memcpy(device, staged->data(), bytes);
        });
    }
}

void copy_to_host(Context& context, Stream& stream, void* target, CUdeviceptr source, size_t bytes)
{
    if (bytes == 0)
        return;
    const unsigned char* device = device_range(context, source, bytes);
    require_host(context, target, bytes);
    context.enqueue(stream, [=, &context] {
        if (still_live(context, device, bytes))
            std::memcpy(target, device, bytes);
    });
    // Into pageable memory the call returns when the copy is done.
    if (stream.capture == nullptr && !is_pinned(target))
        context.run_stream(stream);
}

void copy_on_device(Context& context, Stream& stream, CUdeviceptr target, CUdeviceptr source, size_t bytes)
{
    if (bytes == 0)
        return;
    unsigned char* to = device_range(context, target, bytes);
    const unsigned char* from = device_range(context, source, bytes);
    context.enqueue(stream, [=, &context] {
        if (still_live(context, to, bytes) && still_live(context, from, bytes))
            std::memmove(to, from, bytes);
    });
}

template <class T> void fill(Context& context, Stream& stream, CUdeviceptr target, size_t pitch, T value, size_t width, size_t height)
{
    if (width == 0 || height == 0)
        return;
    require(target % sizeof(T) == 0 && pitch % sizeof(T) == 0, "the address of a fill must be a multiple of its element");
    size_t bytes = (height - 1) * pitch + width * sizeof(T);
    unsigned char* to = device_range(context, target, bytes);
    context.enqueue(stream, [=, &context] {
        if (!still_live(context, to, bytes))
            return;
        for (size_t row = 0; row < height; row++)
        {
            T* elements = reinterpret_cast<T*>(to + row * pitch);
            for (size_t i = 0; i < width; i++)
                elements[i] = value;
        }
    });
}

/// CUDA_MEMCPY2D.
struct Copy2D
{
    size_t source_x, source_y;
    int source_kind;
    const void* source_host;
    CUdeviceptr source_device;
    void* source_array;
    size_t source_pitch;
    size_t target_x, target_y;
    int target_kind;
    void* target_host;
    CUdeviceptr target_device;
    void* target_array;
    size_t target_pitch;
    size_t width, height;
};

enum MemoryKind
{
    HOST = 1,
    DEVICE = 2,
    ARRAY = 3,
    UNIFIED = 4,
};

void copy_2d(Context& context, Stream& stream, const Copy2D& copy)
{
    if (copy.width == 0 || copy.height == 0)
        return;
    require(copy.source_kind != ARRAY && copy.target_kind != ARRAY, "arrays are not supported");
    require(copy.width + copy.source_x <= (copy.source_pitch == 0 ? copy.width : copy.source_pitch) && copy.width + copy.target_x <= (copy.target_pitch == 0 ? copy.width : copy.target_pitch), "the pitch is less than the width");
    size_t source_pitch = copy.source_pitch == 0 ? copy.width : copy.source_pitch, target_pitch = copy.target_pitch == 0 ? copy.width : copy.target_pitch;
    size_t source_offset = copy.source_y * source_pitch + copy.source_x, target_offset = copy.target_y * target_pitch + copy.target_x;
    size_t source_bytes = (copy.height - 1) * source_pitch + copy.width, target_bytes = (copy.height - 1) * target_pitch + copy.width;
    const unsigned char* from;
    unsigned char* to;
    bool stage = false, wait = false;
    if (copy.source_kind == HOST)
    {
        from = static_cast<const unsigned char*>(copy.source_host) + source_offset;
        require_host(context, from, source_bytes);
        stage = !is_pinned(from) && stream.capture == nullptr;
    }
    else
        from = device_range(context, copy.source_device + source_offset, source_bytes);
    if (copy.target_kind == HOST)
    {
        to = static_cast<unsigned char*>(copy.target_host) + target_offset;
        require_host(context, to, target_bytes);
        wait = !is_pinned(to) && stream.capture == nullptr;
    }
    else
        to = device_range(context, copy.target_device + target_offset, target_bytes);
    auto staged = stage ? std::make_shared<std::vector<unsigned char>>(from, from + source_bytes) : nullptr;
    context.enqueue(stream, [=, &context, width = copy.width, height = copy.height] {
        if (!still_live(context, to, target_bytes) || (staged == nullptr && !still_live(context, from, source_bytes)))
            return;
        const unsigned char* source = staged != nullptr ? staged->data() : from;
        for (size_t row = 0; row < height; row++)
            std::memmove(to + row * target_pitch, source + row * source_pitch, width);
    });
    if (wait)
        context.run_stream(stream);
}

int allocate_pinned(const char* name, void** host, size_t bytes)
{
    return with_context(name, [&](Context& context) -> int {
        require(host != nullptr && bytes > 0, "a pinned allocation of 0 bytes");
        if (injected_allocation_failure())
            throw DriverError{CUDA_ERROR_OUT_OF_MEMORY, "this allocation was told to fail"};
        std::lock_guard<std::mutex> lock(pinned_mutex());
        uintptr_t base = pinned_memory().allocate(bytes, name, &context);
        if (base == 0)
            throw DriverError{CUDA_ERROR_OUT_OF_MEMORY, std::to_string(bytes) + " bytes of pinned memory"};
        *host = reinterpret_cast<void*>(base);
        return 0;
    });
}

/// One synchronous call: in the legacy default stream, and finished when it returns.
template <class Body> int synchronous(const char* name, Body body)
{
    return with_context(name, [&](Context& context) -> int {
        context.forbid_in_capture();
        body(context, context.default_stream);
        return finish(context, context.default_stream);
    });
}

template <class Body> int asynchronous(const char* name, void* stream, Body body)
{
    return with_context(name, [&](Context& context) -> int {
        body(context, stream_of(context, stream));
        return context.error;
    });
}
}
}

using namespace emulator;

ENTRY cuMemAlloc_v2(CUdeviceptr* address, size_t bytes)
{
    return with_context("cuMemAlloc_v2", [&](Context& context) {
        require(address != nullptr, "address is null");
        context.forbid_in_capture();
        *address = allocate(context, bytes, "cuMemAlloc");
        return 0;
    });
}

ENTRY cuMemAllocPitch_v2(CUdeviceptr* address, size_t* pitch, size_t width, size_t height, unsigned)
{
    return with_context("cuMemAllocPitch_v2", [&](Context& context) {
        require(address != nullptr && pitch != nullptr && width > 0 && height > 0, "an empty allocation");
        context.forbid_in_capture();
        *pitch = (width + 511) / 512 * 512;
        *address = allocate(context, *pitch * height, "cuMemAllocPitch");
        return 0;
    });
}

ENTRY cuMemFree_v2(CUdeviceptr address)
{
    return with_context("cuMemFree_v2", [&](Context& context) {
        context.forbid_in_capture();
        if (address == 0)
            return 0;
        // Waits for the work that may use it.
        context.run_all();
        if (context.error != 0)
            return context.error;
        if (!context.device->memory->free(static_cast<uintptr_t>(address)))
            throw DriverError{CUDA_ERROR_INVALID_VALUE, "not the start of a live allocation: " + context.device->memory->describe(static_cast<uintptr_t>(address))};
        return 0;
    });
}

ENTRY cuMemAllocAsync(CUdeviceptr* address, size_t bytes, void* stream)
{
    return asynchronous("cuMemAllocAsync", stream, [&](Context& context, Stream& on) {
        require(address != nullptr, "address is null");
        if (on.capture != nullptr)
            context.forbid_in_capture();
        *address = allocate(context, bytes, "cuMemAllocAsync");
    });
}

ENTRY cuMemFreeAsync(CUdeviceptr address, void* stream)
{
    return asynchronous("cuMemFreeAsync", stream, [&](Context& context, Stream& on) {
        if (address == 0)
            return;
        if (on.capture != nullptr)
            context.forbid_in_capture();
        Memory* memory = context.device->memory.get();
        const Allocation* allocation = memory->find(static_cast<uintptr_t>(address), 1);
        if (allocation == nullptr || allocation->base != static_cast<uintptr_t>(address))
            throw DriverError{CUDA_ERROR_INVALID_VALUE, "not the start of a live allocation: " + memory->describe(static_cast<uintptr_t>(address))};
        context.enqueue(on, [=] { memory->free(static_cast<uintptr_t>(address)); });
    });
}

ENTRY cuMemGetInfo_v2(size_t* free, size_t* total)
{
    return with_context("cuMemGetInfo_v2", [&](Context& context) {
        uint64_t all = options().memory, used = context.device->memory->used();
        if (free != nullptr)
            *free = all > used ? all - used : 0;
        if (total != nullptr)
            *total = all;
        return 0;
    });
}

ENTRY cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* bytes, CUdeviceptr address)
{
    return with_context("cuMemGetAddressRange_v2", [&](Context& context) {
        const Allocation* allocation = context.device->memory->find(static_cast<uintptr_t>(address), 1);
        if (allocation == nullptr)
            throw DriverError{CUDA_ERROR_NOT_FOUND, context.device->memory->describe(static_cast<uintptr_t>(address))};
        if (base != nullptr)
            *base = allocation->base;
        if (bytes != nullptr)
            *bytes = allocation->size;
        return 0;
    });
}

ENTRY cuMemHostAlloc(void** host, size_t bytes, unsigned) { return allocate_pinned("cuMemHostAlloc", host, bytes); }
ENTRY cuMemAllocHost_v2(void** host, size_t bytes) { return allocate_pinned("cuMemAllocHost_v2", host, bytes); }

ENTRY cuMemFreeHost(void* host)
{
    return with_context("cuMemFreeHost", [&](Context& context) {
        if (host == nullptr)
            return 0;
        context.run_all();
        std::lock_guard<std::mutex> lock(pinned_mutex());
        if (!pinned_memory().free(reinterpret_cast<uintptr_t>(host)))
            throw DriverError{CUDA_ERROR_INVALID_VALUE, "not the start of a pinned allocation"};
        return context.error;
    });
}

ENTRY cuMemHostGetDevicePointer_v2(CUdeviceptr* address, void* host, unsigned)
{
    return with_context("cuMemHostGetDevicePointer_v2", [&](Context&) {
        require(address != nullptr && is_pinned(host), "not pinned memory");
        *address = reinterpret_cast<uintptr_t>(host);
        return 0;
    });
}

ENTRY cuMemcpyHtoD_v2(CUdeviceptr target, const void* source, size_t bytes)
{
    return synchronous("cuMemcpyHtoD_v2", [&](Context& context, Stream& stream) { copy_to_device(context, stream, target, source, bytes); });
}

ENTRY cuMemcpyDtoH_v2(void* target, CUdeviceptr source, size_t bytes)
{
    return synchronous("cuMemcpyDtoH_v2", [&](Context& context, Stream& stream) { copy_to_host(context, stream, target, source, bytes); });
}

ENTRY cuMemcpyDtoD_v2(CUdeviceptr target, CUdeviceptr source, size_t bytes)
{
    return synchronous("cuMemcpyDtoD_v2", [&](Context& context, Stream& stream) { copy_on_device(context, stream, target, source, bytes); });
}

ENTRY cuMemcpyHtoDAsync_v2(CUdeviceptr target, const void* source, size_t bytes, void* stream)
{
    return asynchronous("cuMemcpyHtoDAsync_v2", stream, [&](Context& context, Stream& on) { copy_to_device(context, on, target, source, bytes); });
}

ENTRY cuMemcpyDtoHAsync_v2(void* target, CUdeviceptr source, size_t bytes, void* stream)
{
    return asynchronous("cuMemcpyDtoHAsync_v2", stream, [&](Context& context, Stream& on) { copy_to_host(context, on, target, source, bytes); });
}

ENTRY cuMemcpyDtoDAsync_v2(CUdeviceptr target, CUdeviceptr source, size_t bytes, void* stream)
{
    return asynchronous("cuMemcpyDtoDAsync_v2", stream, [&](Context& context, Stream& on) { copy_on_device(context, on, target, source, bytes); });
}

/// Either side may be host or device memory: unified addresses tell.
static void copy_any(Context& context, Stream& stream, CUdeviceptr target, CUdeviceptr source, size_t bytes)
{
    bool to_device = context.device->memory->holds(static_cast<uintptr_t>(target)), from_device = context.device->memory->holds(static_cast<uintptr_t>(source));
    if (to_device && from_device)
        copy_on_device(context, stream, target, source, bytes);
    else if (to_device)
        copy_to_device(context, stream, target, reinterpret_cast<const void*>(source), bytes);
    else
        copy_to_host(context, stream, reinterpret_cast<void*>(target), source, bytes);
}

ENTRY cuMemcpy(CUdeviceptr target, CUdeviceptr source, size_t bytes)
{
    return synchronous("cuMemcpy", [&](Context& context, Stream& stream) { copy_any(context, stream, target, source, bytes); });
}

ENTRY cuMemcpyAsync(CUdeviceptr target, CUdeviceptr source, size_t bytes, void* stream)
{
    return asynchronous("cuMemcpyAsync", stream, [&](Context& context, Stream& on) { copy_any(context, on, target, source, bytes); });
}

ENTRY cuMemcpy2D_v2(const Copy2D* copy)
{
    return synchronous("cuMemcpy2D_v2", [&](Context& context, Stream& stream) { copy_2d(context, stream, *copy); });
}

ENTRY cuMemcpy2DUnaligned_v2(const Copy2D* copy)
{
    return synchronous("cuMemcpy2DUnaligned_v2", [&](Context& context, Stream& stream) { copy_2d(context, stream, *copy); });
}

ENTRY cuMemcpy2DAsync_v2(const Copy2D* copy, void* stream)
{
    return asynchronous("cuMemcpy2DAsync_v2", stream, [&](Context& context, Stream& on) { copy_2d(context, on, *copy); });
}

#define FILL(bits, type)                                                                                                                                            \
    ENTRY cuMemsetD##bits##_v2(CUdeviceptr target, type value, size_t count)                                                                                        \
    {                                                                                                                                                               \
        return synchronous("cuMemsetD" #bits "_v2", [&](Context& context, Stream& stream) { fill<type>(context, stream, target, 0, value, count, 1); });            \
    }                                                                                                                                                               \
    ENTRY cuMemsetD##bits##Async(CUdeviceptr target, type value, size_t count, void* stream)                                                                        \
    {                                                                                                                                                               \
        return asynchronous("cuMemsetD" #bits "Async", stream, [&](Context& context, Stream& on) { fill<type>(context, on, target, 0, value, count, 1); });         \
    }                                                                                                                                                               \
    ENTRY cuMemsetD2D##bits##_v2(CUdeviceptr target, size_t pitch, type value, size_t width, size_t height)                                                         \
    {                                                                                                                                                               \
        return synchronous("cuMemsetD2D" #bits "_v2", [&](Context& context, Stream& stream) { fill<type>(context, stream, target, pitch, value, width, height); }); \
    }                                                                                                                                                               \
    ENTRY cuMemsetD2D##bits##Async(CUdeviceptr target, size_t pitch, type value, size_t width, size_t height, void* stream)                                         \
    {                                                                                                                                                               \
        return asynchronous("cuMemsetD2D" #bits "Async", stream, [&](Context& context, Stream& on) { fill<type>(context, on, target, pitch, value, width, height); }); \
    }
FILL(8, unsigned char)
FILL(16, unsigned short)
FILL(32, unsigned)

ENTRY cuPointerGetAttribute(void* data, int attribute, CUdeviceptr address)
{
    return guarded("cuPointerGetAttribute", [&]() -> int {
        require(data != nullptr, "data is null");
        uintptr_t at = static_cast<uintptr_t>(address);
        const Allocation* allocation = nullptr;
        int ordinal = -1;
        {
            std::lock_guard<std::mutex> lock(pinned_mutex());
            allocation = pinned_memory().find(at, 1);
        }
        bool host = allocation != nullptr;
        for (auto& device : devices())
        {
            std::lock_guard<std::recursive_mutex> lock(device->mutex);
            if (allocation == nullptr && (allocation = device->memory->find(at, 1)) != nullptr)
                ordinal = device->ordinal;
        }
        // Ordinary host memory is unknown to the driver; asking is no mistake worth a report.
        if (allocation == nullptr)
            return CUDA_ERROR_INVALID_VALUE;
        switch (attribute)
        {
        case 1: *static_cast<const void**>(data) = allocation->owner; return 0;
        case 2: *static_cast<unsigned*>(data) = host ? HOST : DEVICE; return 0;
        case 3: *static_cast<CUdeviceptr*>(data) = address; return 0;
        case 4:
            if (!host)
                return CUDA_ERROR_INVALID_VALUE;
            *static_cast<void**>(data) = reinterpret_cast<void*>(at);
            return 0;
        case 7: *static_cast<unsigned long long*>(data) = allocation->number; return 0;
        case 8: *static_cast<unsigned*>(data) = 0; return 0;
        case 9:
            *static_cast<int*>(data) = host ? static_cast<const Context*>(allocation->owner)->device->ordinal : ordinal;
            return 0;
        case 11: *static_cast<CUdeviceptr*>(data) = allocation->base; return 0;
        case 12: *static_cast<size_t*>(data) = allocation->size; return 0;
        case 13: *static_cast<unsigned*>(data) = 1; return 0;
        default: return CUDA_ERROR_NOT_SUPPORTED;
        }
    });
}
