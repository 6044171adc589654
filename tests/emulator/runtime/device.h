// Devices, contexts, streams and events.
//
// Work is queued in streams as operations. A device runs an operation at the call (early) or when something waits for it (late), so that both extremes of what hardware may do are seen.
// One lock per device: host threads may drive several devices at once, and take turns on one.
// Where to read first: Context::enqueue and Context::run_next.
#pragma once

#include "cuda_errors.h"
#include "execution.h"
#include "memory.h"
#include "module.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace emulator
{
struct Context;
struct Stream;

/// Thrown inside the driver, returned at its border; an empty text means that it was reported before.
struct DriverError
{
    int error;
    std::string text;
};

struct Device
{
    int ordinal;
    std::string name;
    int major, minor;
    Schedule schedule;
    /// Streams run their work at the call rather than at synchronization.
    bool early;
    std::unique_ptr<Memory> memory;
    std::recursive_mutex mutex;
    std::unique_ptr<Context> primary;
    int primary_references = 0;
    uint64_t launches = 0;

    unsigned shared_opt_in() const { return major >= 9 ? 232448 : major == 8 && minor == 0 ? 166912 : 101376; }
};

/// All devices; made at the first use.
std::vector<std::unique_ptr<Device>>& devices();
/// Pinned host memory, which every device can reach.
Memory& pinned_memory();
std::mutex& pinned_mutex();

struct Operation
{
    uint64_t sequence = 0;
    std::function<void()> run;
    /// Work of another stream that must be done before.
    std::shared_ptr<Operation> after;
    bool done = false;
    std::chrono::steady_clock::time_point finished;
};

struct Event
{
    Context* context;
    bool timing;
    std::shared_ptr<Operation> recorded;
    /// The capture in which it was last recorded, or null.
    struct Capture* capture = nullptr;
};

/// The operations of a graph in the order of their calls.
struct Graph
{
    std::vector<std::function<void()>> operations;
};

struct Capture
{
    Stream* origin;
    std::set<Stream*> streams;
    std::unique_ptr<Graph> graph;
    bool invalidated = false;
};

struct Stream
{
    Context* context = nullptr;
    /// Not ordered with the legacy default stream.
    bool non_blocking = false;
    int priority = 0;
    std::deque<std::shared_ptr<Operation>> queue;
    Capture* capture = nullptr;
};

struct Context
{
    Device* device = nullptr;
    bool primary = false;
    /// The sticky error of a failed launch: every later call returns it.
    int error = 0;
    Stream default_stream;
    std::vector<std::unique_ptr<Stream>> streams;
    std::vector<std::unique_ptr<Event>> events;
    std::vector<std::unique_ptr<Module>> modules;
    std::vector<std::unique_ptr<Graph>> graphs;
    std::vector<std::unique_ptr<Capture>> captures;
    /// Chooses between streams where the order is free.
    uint64_t random = 88172645463325252ull;

    explicit Context(Device& owner);
    ~Context();

    /// Appends an operation to a stream, or to the graph being captured on it.
    std::shared_ptr<Operation> enqueue(Stream& stream, std::function<void()> run, std::shared_ptr<Operation> after = nullptr);
    /// Runs the stream's work up to and with the operation; all of it for null.
    void run_stream(Stream& stream, const Operation* last = nullptr);
    void run_operation(const std::shared_ptr<Operation>& operation);
    /// One operation of the stream in which the given one is queued.
    void run_step_towards(const std::shared_ptr<Operation>& operation);
    void run_all();
    /// Throws the sticky error, if any.
    void check() const;
    /// Throws when a capture that forbids such a call is going on.
    void forbid_in_capture();

private:
    void run_front(Stream& stream);
    std::vector<Stream*> all_streams();
};

uint64_t next_sequence();

/// Contexts that exist, for the check of handles.
void register_context(Context* context);
void forget_context(Context* context);
bool context_exists(const Context* context);
void for_each_context(const std::function<void(Context&)>& action);

/// The stack of current contexts of this host thread.
Context* current_context();
void set_current_context(Context* context);
void push_context(Context* context);
Context* pop_context();
}
