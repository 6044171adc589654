// Streams, events, captured graphs.
#include "entry.h"

#include <algorithm>

namespace emulator
{
namespace
{
Capture* capture_of(Context& context, const Stream& stream)
{
    for (auto& capture : context.captures)
        if (capture.get() == stream.capture)
            return capture.get();
    return nullptr;
}

/// What an ordinary query or wait may not meet.
void forbid_capturing(Stream& stream)
{
    if (stream.capture == nullptr)
        return;
    stream.capture->invalidated = true;
    throw DriverError{CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the stream is capturing"};
}

Graph& graph_of(Context& context, void* handle)
{
    for (auto& graph : context.graphs)
        if (graph.get() == handle)
            return *graph;
    throw DriverError{CUDA_ERROR_INVALID_HANDLE, "no graph of the current context"};
}

int create_stream(const char* name, void** handle, unsigned flags, int priority)
{
    return with_context(name, [&](Context& context) {
        require(handle != nullptr && flags <= 1, "flags are 0 or CU_STREAM_NON_BLOCKING");
        auto stream = std::make_unique<Stream>();
        stream->context = &context;
        stream->non_blocking = flags == 1;
        stream->priority = priority;
        *handle = stream.get();
        context.streams.push_back(std::move(stream));
        return 0;
    });
}

int instantiate(const char* name, void** executable, void* handle)
{
    return with_context(name, [&](Context& context) {
        require(executable != nullptr, "result is null");
        auto copy = std::make_unique<Graph>();
        copy->operations = graph_of(context, handle).operations;
        *executable = copy.get();
        context.graphs.push_back(std::move(copy));
        return 0;
    });
}

int destroy_graph(const char* name, void* handle)
{
    return with_context(name, [&](Context& context) {
        Graph& graph = graph_of(context, handle);
        context.run_all();
        context.graphs.erase(std::find_if(context.graphs.begin(), context.graphs.end(), [&](auto& entry) { return entry.get() == &graph; }));
        return context.error;
    });
}
}
}

using namespace emulator;

ENTRY cuStreamCreate(void** stream, unsigned flags) { return create_stream("cuStreamCreate", stream, flags, 0); }
ENTRY cuStreamCreateWithPriority(void** stream, unsigned flags, int priority) { return create_stream("cuStreamCreateWithPriority", stream, flags, priority); }

ENTRY cuStreamDestroy_v2(void* handle)
{
    return with_context("cuStreamDestroy_v2", [&](Context& context) {
        Stream& stream = stream_of(context, handle);
        require(&stream != &context.default_stream, "the default stream cannot be destroyed");
        forbid_capturing(stream);
        context.run_stream(stream);
        context.streams.erase(std::find_if(context.streams.begin(), context.streams.end(), [&](auto& entry) { return entry.get() == &stream; }));
        return context.error;
    });
}

ENTRY cuStreamSynchronize(void* handle)
{
    return with_context("cuStreamSynchronize", [&](Context& context) {
        Stream& stream = stream_of(context, handle);
        forbid_capturing(stream);
        return finish(context, stream);
    });
}

ENTRY cuStreamQuery(void* handle)
{
    return with_context("cuStreamQuery", [&](Context& context) -> int {
        Stream& stream = stream_of(context, handle);
        forbid_capturing(stream);
        if (stream.queue.empty())
            return context.error;
        // A program may ask until all is done: every question makes one step.
        std::shared_ptr<Operation> front = stream.queue.front();
        context.run_stream(stream, front.get());
        return context.error != 0 ? context.error : CUDA_ERROR_NOT_READY;
    });
}

ENTRY cuStreamGetCtx(void* handle, void** result)
{
    return with_context("cuStreamGetCtx", [&](Context& context) {
        *result = stream_of(context, handle).context;
        return 0;
    });
}

ENTRY cuStreamGetFlags(void* handle, unsigned* flags)
{
    return with_context("cuStreamGetFlags", [&](Context& context) {
        *flags = stream_of(context, handle).non_blocking ? 1 : 0;
        return 0;
    });
}

ENTRY cuStreamGetPriority(void* handle, int* priority)
{
    return with_context("cuStreamGetPriority", [&](Context& context) {
        *priority = stream_of(context, handle).priority;
        return 0;
    });
}

ENTRY cuStreamWaitEvent(void* handle, void* event_handle, unsigned)
{
    return with_context("cuStreamWaitEvent", [&](Context& context) {
        Stream& stream = stream_of(context, handle);
        Event* event = static_cast<Event*>(event_handle);
        bool own = std::any_of(context.events.begin(), context.events.end(), [&](auto& entry) { return entry.get() == event; });
        if (!own)
        {
            // An event of another context: its work is done here and now.
            Context* other = nullptr;
            for_each_context([&](Context& candidate) {
                if (&candidate != &context && std::any_of(candidate.events.begin(), candidate.events.end(), [&](auto& entry) { return entry.get() == event; }))
                    other = &candidate;
            });
            if (other == nullptr)
                throw DriverError{CUDA_ERROR_INVALID_HANDLE, "no such event"};
            std::lock_guard<std::recursive_mutex> lock(other->device->mutex);
            if (event->recorded != nullptr)
                other->run_operation(event->recorded);
            return context.error;
        }
        if (event->capture != nullptr && stream.capture == nullptr)
        {
            // The stream joins the capture.
            event->capture->streams.insert(&stream);
            stream.capture = event->capture;
        }
        else if (stream.capture == nullptr && event->recorded != nullptr)
            context.enqueue(stream, nullptr, event->recorded);
        return 0;
    });
}

ENTRY cuLaunchHostFunc(void* handle, void (*function)(void*), void* data)
{
    return with_context("cuLaunchHostFunc", [&](Context& context) {
        context.enqueue(stream_of(context, handle), [=] { function(data); });
        return 0;
    });
}

ENTRY cuEventCreate(void** handle, unsigned flags)
{
    return with_context("cuEventCreate", [&](Context& context) {
        require(handle != nullptr && flags <= 7, "unknown flags");
        auto event = std::make_unique<Event>();
        event->context = &context;
        event->timing = (flags & 2) == 0;
        *handle = event.get();
        context.events.push_back(std::move(event));
        return 0;
    });
}

ENTRY cuEventDestroy_v2(void* handle)
{
    return with_context("cuEventDestroy_v2", [&](Context& context) {
        Event& event = event_of(context, handle);
        context.events.erase(std::find_if(context.events.begin(), context.events.end(), [&](auto& entry) { return entry.get() == &event; }));
        return 0;
    });
}

static int record(const char* name, void* handle, void* stream)
{
    return with_context(name, [&](Context& context) {
        Event& event = event_of(context, handle);
        Stream& on = stream_of(context, stream);
        event.capture = on.capture;
        std::shared_ptr<Operation> operation = context.enqueue(on, nullptr);
        if (operation != nullptr)
            event.recorded = operation;
        return 0;
    });
}

ENTRY cuEventRecord(void* event, void* stream) { return record("cuEventRecord", event, stream); }
ENTRY cuEventRecordWithFlags(void* event, void* stream, unsigned) { return record("cuEventRecordWithFlags", event, stream); }

ENTRY cuEventSynchronize(void* handle)
{
    return with_context("cuEventSynchronize", [&](Context& context) {
        Event& event = event_of(context, handle);
        if (event.recorded != nullptr)
            context.run_operation(event.recorded);
        return context.error;
    });
}

ENTRY cuEventQuery(void* handle)
{
    return with_context("cuEventQuery", [&](Context& context) -> int {
        Event& event = event_of(context, handle);
        if (event.recorded == nullptr || event.recorded->done)
            return 0;
        context.run_step_towards(event.recorded);
        return context.error != 0 ? context.error : CUDA_ERROR_NOT_READY;
    });
}

static int elapsed(const char* name, float* milliseconds, void* first, void* second)
{
    return with_context(name, [&](Context& context) -> int {
        Event &a = event_of(context, first), &b = event_of(context, second);
        if (!a.timing || !b.timing || a.recorded == nullptr || b.recorded == nullptr)
            throw DriverError{CUDA_ERROR_INVALID_HANDLE, "both events must be recorded and measure time"};
        if (!a.recorded->done || !b.recorded->done)
            return CUDA_ERROR_NOT_READY;
        *milliseconds = std::chrono::duration<float, std::milli>(b.recorded->finished - a.recorded->finished).count();
        return 0;
    });
}

ENTRY cuEventElapsedTime(float* milliseconds, void* first, void* second) { return elapsed("cuEventElapsedTime", milliseconds, first, second); }
ENTRY cuEventElapsedTime_v2(float* milliseconds, void* first, void* second) { return elapsed("cuEventElapsedTime_v2", milliseconds, first, second); }

ENTRY cuStreamBeginCapture_v2(void* handle, int)
{
    return with_context("cuStreamBeginCapture_v2", [&](Context& context) {
        Stream& stream = stream_of(context, handle);
        if (&stream == &context.default_stream)
            throw DriverError{CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the legacy default stream cannot be captured"};
        if (stream.capture != nullptr)
            throw DriverError{CUDA_ERROR_ILLEGAL_STATE, "the stream is capturing already"};
        auto capture = std::make_unique<Capture>();
        capture->origin = &stream;
        capture->streams.insert(&stream);
        capture->graph = std::make_unique<Graph>();
        stream.capture = capture.get();
        context.captures.push_back(std::move(capture));
        return 0;
    });
}

ENTRY cuStreamEndCapture(void* handle, void** graph)
{
    return with_context("cuStreamEndCapture", [&](Context& context) {
        Stream& stream = stream_of(context, handle);
        Capture* capture = capture_of(context, stream);
        if (capture == nullptr)
            throw DriverError{CUDA_ERROR_ILLEGAL_STATE, "the stream is not capturing"};
        if (capture->origin != &stream)
            throw DriverError{CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "the capture was begun on another stream"};
        for (Stream* member : capture->streams)
            member->capture = nullptr;
        for (auto& event : context.events)
            if (event->capture == capture)
                event->capture = nullptr;
        std::unique_ptr<Graph> made = std::move(capture->graph);
        bool invalidated = capture->invalidated;
        context.captures.erase(std::find_if(context.captures.begin(), context.captures.end(), [&](auto& entry) { return entry.get() == capture; }));
        *graph = nullptr;
        if (invalidated)
            throw DriverError{CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "a call that cannot be captured was made meanwhile"};
        *graph = made.get();
        context.graphs.push_back(std::move(made));
        return 0;
    });
}

ENTRY cuStreamIsCapturing(void* handle, int* status)
{
    return with_context("cuStreamIsCapturing", [&](Context& context) {
        Stream& stream = stream_of(context, handle);
        *status = stream.capture == nullptr ? 0 : stream.capture->invalidated ? 2 : 1;
        return 0;
    });
}

ENTRY cuThreadExchangeStreamCaptureMode(int* mode)
{
    return guarded("cuThreadExchangeStreamCaptureMode", [&] {
        *mode = 0;
        return 0;
    });
}

ENTRY cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long) { return instantiate("cuGraphInstantiateWithFlags", executable, graph); }
ENTRY cuGraphInstantiate_v2(void** executable, void* graph, void**, char*, size_t) { return instantiate("cuGraphInstantiate_v2", executable, graph); }
ENTRY cuGraphDestroy(void* graph) { return destroy_graph("cuGraphDestroy", graph); }
ENTRY cuGraphExecDestroy(void* executable) { return destroy_graph("cuGraphExecDestroy", executable); }

ENTRY cuGraphUpload(void* executable, void* stream)
{
    return with_context("cuGraphUpload", [&](Context& context) {
        graph_of(context, executable);
        stream_of(context, stream);
        return 0;
    });
}

ENTRY cuGraphGetNodes(void* graph, void** nodes, size_t* count)
{
    return with_context("cuGraphGetNodes", [&](Context& context) {
        require(nodes == nullptr && count != nullptr, "nodes are counted, not handed out");
        *count = graph_of(context, graph).operations.size();
        return 0;
    });
}

ENTRY cuGraphLaunch(void* executable, void* stream)
{
    return with_context("cuGraphLaunch", [&](Context& context) {
        Graph& graph = graph_of(context, executable);
        Stream& on = stream_of(context, stream);
        forbid_capturing(on);
        for (auto& operation : graph.operations)
            context.enqueue(on, operation);
        return context.error;
    });
}
