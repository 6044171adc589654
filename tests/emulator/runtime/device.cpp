#include "device.h"

#include "options.h"

#include <algorithm>
#include <atomic>

namespace emulator
{
namespace
{
std::mutex& contexts_mutex()
{
    static std::mutex* mutex = new std::mutex;
    return *mutex;
}

std::set<Context*>& contexts()
{
    static auto* set = new std::set<Context*>;
    return *set;
}

struct ContextStack
{
    static constexpr int DEPTH = 64;
    Context* entries[DEPTH];
    int count;
};

thread_local ContextStack context_stack{};
}

std::vector<std::unique_ptr<Device>>& devices()
{
    // Never destroyed: the process may end while threads of the host program still hold contexts.
    static auto* all = [] {
        auto* made = new std::vector<std::unique_ptr<Device>>;
        Options o = options();
        for (int i = 0; i < o.devices; i++)
        {
            auto device = std::make_unique<Device>();
            device->ordinal = i;
            device->major = i == 0 ? 9 : 8;
            device->minor = 0;
            device->schedule.seed = o.seed;
            if (i == 0)
            {
                device->name = "Sophia emulator, fast";
                device->schedule.workers = o.workers;
                device->early = true;
            }
            else
            {
                device->schedule.checked = true;
                int kind = (i - 1) % 3;
                device->schedule.order = kind == 0 ? Order::Forward : kind == 1 ? Order::Reverse : Order::RandomPriorities;
                device->schedule.late_copies = kind != 0;
                device->schedule.resident_blocks = kind == 2 ? 3 : 1;
                device->early = kind == 0;
                device->name = kind == 0 ? "Sophia emulator, checked, in order" : kind == 1 ? "Sophia emulator, checked, reverse order, late" : "Sophia emulator, checked, random priorities, late";
            }
            std::string memory_name = "device " + std::to_string(i);
            device->memory = std::make_unique<Memory>(memory_name.c_str(), size_t(64) << 30, device->schedule.checked, device->schedule.checked);
            made->push_back(std::move(device));
        }
        return made;
    }();
    return *all;
}

Memory& pinned_memory()
{
    static Memory* memory = new Memory("pinned host memory", size_t(16) << 30, true, false);
    return *memory;
}

std::mutex& pinned_mutex()
{
    static std::mutex* mutex = new std::mutex;
    return *mutex;
}

uint64_t next_sequence()
{
    static std::atomic<uint64_t> sequence{0};
    return ++sequence;
}

void register_context(Context* context)
{
    std::lock_guard<std::mutex> lock(contexts_mutex());
    contexts().insert(context);
}

void forget_context(Context* context)
{
    std::lock_guard<std::mutex> lock(contexts_mutex());
    contexts().erase(context);
}

bool context_exists(const Context* context)
{
    std::lock_guard<std::mutex> lock(contexts_mutex());
    return contexts().count(const_cast<Context*>(context)) != 0;
}

void for_each_context(const std::function<void(Context&)>& action)
{
    std::lock_guard<std::mutex> lock(contexts_mutex());
    for (Context* context : contexts())
        action(*context);
}

Context* current_context() { return context_stack.count == 0 ? nullptr : context_stack.entries[context_stack.count - 1]; }

void set_current_context(Context* context)
{
    if (context_stack.count > 0)
        context_stack.count--;
    if (context != nullptr)
        context_stack.entries[context_stack.count++] = context;
}

void push_context(Context* context)
{
    if (context_stack.count == ContextStack::DEPTH)
        throw DriverError{CUDA_ERROR_INVALID_VALUE, "too many contexts pushed"};
    context_stack.entries[context_stack.count++] = context;
}

Context* pop_context()
{
    if (context_stack.count == 0)
        throw DriverError{CUDA_ERROR_INVALID_CONTEXT, "no context to pop"};
    return context_stack.entries[--context_stack.count];
}

Context::Context(Device& owner) : device(&owner)
{
    default_stream.context = this;
    register_context(this);
}

Context::~Context()
{
    forget_context(this);
    device->memory->free_all(this);
    std::lock_guard<std::mutex> lock(pinned_mutex());
    pinned_memory().free_all(this);
}

void Context::check() const
{
    if (error != 0)
        throw DriverError{error, ""};
}

void Context::forbid_in_capture()
{
    for (auto& capture : captures)
    {
        capture->invalidated = true;
        throw DriverError{CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "this call cannot be captured, and a stream is capturing"};
    }
}

std::shared_ptr<Operation> Context::enqueue(Stream& stream, std::function<void()> run, std::shared_ptr<Operation> after)
{
    if (stream.capture != nullptr)
    {
        if (stream.capture->invalidated)
            throw DriverError{CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "the capture was invalidated by an earlier call"};
        if (run)
            stream.capture->graph->operations.push_back(std::move(run));
        return nullptr;
    }
    if (&stream == &default_stream)
        for (auto& capture : captures)
            if (!capture->origin->non_blocking)
            {
                capture->invalidated = true;
                throw DriverError{CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "work in the legacy default stream while a blocking stream is capturing"};
            }
    auto operation = std::make_shared<Operation>();
    operation->sequence = next_sequence();
    operation->run = std::move(run);
    operation->after = std::move(after);
    stream.queue.push_back(operation);
    if (device->early)
    {
        run_stream(stream);
        check();
    }
    return operation;
}

std::vector<Stream*> Context::all_streams()
{
    std::vector<Stream*> all{&default_stream};
    for (auto& stream : streams)
        all.push_back(stream.get());
    return all;
}

void Context::run_front(Stream& stream)
{
    std::shared_ptr<Operation> operation = stream.queue.front();
    stream.queue.pop_front();
    if (operation->after != nullptr && !operation->after->done)
        run_operation(operation->after);
    // The legacy default stream waits for all blocking streams, and they for it.
    if (&stream == &default_stream)
    {
        for (auto& other : streams)
            while (!other->non_blocking && !other->queue.empty() && other->queue.front()->sequence < operation->sequence)
                run_front(*other);
    }
    else if (!stream.non_blocking)
        while (!default_stream.queue.empty() && default_stream.queue.front()->sequence < operation->sequence)
            run_front(default_stream);
    if (error == 0 && operation->run)
        operation->run();
    operation->finished = std::chrono::steady_clock::now();
    operation->done = true;
    operation->run = nullptr;
    operation->after = nullptr;
}

void Context::run_stream(Stream& stream, const Operation* last)
{
    while (!stream.queue.empty() && (last == nullptr || !last->done))
        run_front(stream);
}

void Context::run_operation(const std::shared_ptr<Operation>& operation)
{
    if (operation->done)
        return;
    for (Stream* stream : all_streams())
        for (auto& queued : stream->queue)
            if (queued == operation)
            {
                run_stream(*stream, operation.get());
                return;
            }
}

void Context::run_step_towards(const std::shared_ptr<Operation>& operation)
{
    for (Stream* stream : all_streams())
        for (auto& queued : stream->queue)
            if (queued == operation)
            {
                run_front(*stream);
                return;
            }
}

void Context::run_all()
{
    for (;;)
    {
        std::vector<Stream*> waiting;
        for (Stream* stream : all_streams())
            if (!stream->queue.empty())
                waiting.push_back(stream);
        if (waiting.empty())
            return;
        Stream* chosen = waiting.front();
        if (device->schedule.order == Order::Reverse)
            chosen = waiting.back();
        else if (device->schedule.order == Order::RandomPriorities)
        {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            chosen = waiting[random % waiting.size()];
        }
        run_front(*chosen);
    }
}
}
