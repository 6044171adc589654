// The border of the driver: faults that tests inject, handles, locks, and exceptions turned into results.
#pragma once

#include "device.h"
#include "options.h"

#include <atomic>
#include <new>

#define ENTRY extern "C" __attribute__((visibility("default"))) int

typedef unsigned long long CUdeviceptr;

namespace emulator
{
extern std::atomic<bool> initialized;

/// Runs `body`, which returns a result or throws a DriverError; a refused call is reported with its reason.
template <class Body> int guarded(const char* name, Body body)
{
    if (int fault = injected_fault(name))
        return fault;
    if (!initialized)
        return CUDA_ERROR_NOT_INITIALIZED;
    try
    {
        return body();
    }
    catch (const DriverError& error)
    {
        const char* error_name = cuda_error_name(error.error);
        if (!error.text.empty())
            report(std::string(name) + ": " + (error_name == nullptr ? std::to_string(error.error) : error_name) + ": " + error.text);
        return error.error;
    }
    catch (const std::bad_alloc&)
    {
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
}

/// The same with the current context, its device locked and no failed launch behind it.
template <class Body> int with_context(const char* name, Body body)
{
    return guarded(name, [&]() -> int {
        Context* context = current_context();
        if (context == nullptr)
            throw DriverError{CUDA_ERROR_INVALID_CONTEXT, "no context is current to this thread"};
        if (!context_exists(context))
            throw DriverError{CUDA_ERROR_CONTEXT_IS_DESTROYED, "the current context was destroyed"};
        std::lock_guard<std::recursive_mutex> lock(context->device->mutex);
        // Not reported: the launch that failed was.
        if (context->error != 0)
            return context->error;
        return body(*context);
    });
}

inline void require(bool condition, const char* what)
{
    if (!condition)
        throw DriverError{CUDA_ERROR_INVALID_VALUE, what};
}

/// The stream of a handle; null, 1 and 2 are the default streams.
inline Stream& stream_of(Context& context, void* handle)
{
    if (reinterpret_cast<uintptr_t>(handle) <= 2)
        return context.default_stream;
    for (auto& stream : context.streams)
        if (stream.get() == handle)
            return *stream;
    throw DriverError{CUDA_ERROR_INVALID_HANDLE, "no stream of the current context"};
}

inline Event& event_of(Context& context, void* handle)
{
    for (auto& event : context.events)
        if (event.get() == handle)
            return *event;
    throw DriverError{CUDA_ERROR_INVALID_HANDLE, "no event of the current context"};
}

/// Waits for all work of a stream and gives the error of what failed in it.
inline int finish(Context& context, Stream& stream)
{
    context.run_stream(stream);
    return context.error;
}
}
