#include "options.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <unistd.h>

namespace emulator
{
namespace
{
struct Fault
{
    long remaining;
    int error;
};

struct State
{
    std::mutex mutex;
    Options options;
    std::map<std::string, Fault> faults;
    long allocation_countdown = 0, launch_countdown = 0, compile_countdown = 0;
    int launch_error = 719;
    bool print = true;
    std::string last_report;
};

std::atomic<bool> armed{false};

Options from_environment()
{
    Options o;
    auto text = [](const char* name, const std::string& otherwise) {
        const char* value = std::getenv(name);
        return value == nullptr || *value == 0 ? otherwise : std::string(value);
    };
    auto number = [&](const char* name, uint64_t otherwise) {
        std::string value = text(name, "");
        return value.empty() ? otherwise : std::strtoull(value.c_str(), nullptr, 0);
    };
    unsigned processors = std::thread::hardware_concurrency();
    o.devices = static_cast<int>(number("SOPHIA_EMULATOR_DEVICES", 4));
    o.memory = number("SOPHIA_EMULATOR_MEMORY", o.memory);
    o.seed = number("SOPHIA_EMULATOR_SEED", 1);
    o.workers = static_cast<unsigned>(number("SOPHIA_EMULATOR_THREADS", processors == 0 ? 1 : processors));
    o.compiler = text("SOPHIA_EMULATOR_COMPILER", o.compiler);
    o.dump = text("SOPHIA_EMULATOR_DUMP", "");
    o.dump_kernels = text("SOPHIA_EMULATOR_DUMP_KERNELS", "");
    std::string home = text("XDG_CACHE_HOME", text("HOME", "/tmp") + "/.cache");
    o.cache = text("SOPHIA_EMULATOR_CACHE", home + "/sophia-emulator");
    return o;
}

State& state()
{
    static State* s = [] {
        State* made = new State;
        made->options = from_environment();
        const char* quiet = std::getenv("SOPHIA_EMULATOR_QUIET");
        made->print = quiet == nullptr || *quiet == 0;
        return made;
    }();
    return *s;
}

/// True when a countdown reaches its end with this call.
bool count_down(long& countdown)
{
    std::lock_guard<std::mutex> lock(state().mutex);
    return countdown > 0 && --countdown == 0;
}
}

Options options()
{
    std::lock_guard<std::mutex> lock(state().mutex);
    return state().options;
}

int injected_fault(const char* entry_point)
{
    if (!armed.load(std::memory_order_relaxed))
        return 0;
    std::lock_guard<std::mutex> lock(state().mutex);
    auto found = state().faults.find(entry_point);
    if (found == state().faults.end())
        return 0;
    // A count of 0 means every call.
    if (found->second.remaining == 0)
        return found->second.error;
    if (--found->second.remaining > 0)
        return 0;
    int error = found->second.error;
    state().faults.erase(found);
    return error;
}

int injected_launch_failure() { return count_down(state().launch_countdown) ? state().launch_error : 0; }
bool injected_allocation_failure() { return count_down(state().allocation_countdown); }
std::string injected_compile_failure() { return count_down(state().compile_countdown) ? "error: this compilation was told to fail" : ""; }

void report(const std::string& text)
{
    std::lock_guard<std::mutex> lock(state().mutex);
    state().last_report = text;
    if (state().print)
        std::fprintf(stderr, "emulator: %s\n", text.c_str());
}
}

using namespace emulator;

/// The text of the last finding or refused call, "" if there is none. Valid until the next call of this function on the same thread.
extern "C" __attribute__((visibility("default"))) const char* emulator_last_report()
{
    static thread_local std::string* copy = new std::string;
    std::lock_guard<std::mutex> lock(state().mutex);
    *copy = state().last_report;
    return copy->c_str();
}

/// Sets an option or a fault; 0, or 1 for an unknown key or value. The keys are in README.md.
extern "C" __attribute__((visibility("default"))) int emulator_configure(const char* key, const char* value)
{
    if (key == nullptr)
        return 1;
    std::string k = key, v = value == nullptr ? "" : value;
    long number = std::strtol(v.c_str(), nullptr, 0);
    State& s = state();
    std::lock_guard<std::mutex> lock(s.mutex);
    if (k == "reset")
    {
        s.options = from_environment();
        s.faults.clear();
        s.allocation_countdown = s.launch_countdown = s.compile_countdown = 0;
        s.launch_error = 719;
        s.last_report.clear();
        armed = false;
    }
    else if (k == "devices") s.options.devices = static_cast<int>(number);
    else if (k == "driver-version") s.options.driver_version = static_cast<int>(number);
    else if (k == "nvrtc-version")
    {
        if (std::sscanf(v.c_str(), "%d.%d", &s.options.nvrtc_major, &s.options.nvrtc_minor) != 2)
            return 1;
    }
    else if (k == "memory") s.options.memory = std::strtoull(v.c_str(), nullptr, 0);
    else if (k == "seed") s.options.seed = std::strtoull(v.c_str(), nullptr, 0);
    else if (k == "workers") s.options.workers = static_cast<unsigned>(number < 1 ? 1 : number);
    else if (k == "turn-seconds") s.options.turn_seconds = static_cast<int>(number);
    else if (k == "launch-seconds") s.options.launch_seconds = static_cast<int>(number);
    else if (k == "compiler") s.options.compiler = v;
    else if (k == "cache") s.options.cache = v;
    else if (k == "dump") s.options.dump = v;
    else if (k == "dump-kernels") s.options.dump_kernels = v;
    else if (k == "print") s.print = number != 0;
    else if (k == "capability")
    {
        // "1=7.5", or "1=" for its own again.
        size_t equals = v.find('=');
        if (equals == std::string::npos)
            return 1;
        int device = static_cast<int>(std::strtol(v.c_str(), nullptr, 0));
        if (equals + 1 == v.size())
            s.options.capability.erase(device);
        else
            s.options.capability[device] = v.substr(equals + 1);
    }
    else if (k == "fail-allocation") s.allocation_countdown = number;
    else if (k == "fail-compile") s.compile_countdown = number;
    else if (k == "fail-launch")
    {
        // "N" or "N ERROR".
        size_t space = v.find(' ');
        s.launch_countdown = number;
        s.launch_error = space == std::string::npos ? 719 : static_cast<int>(std::strtol(v.c_str() + space, nullptr, 0));
    }
    else if (k == "fail-call")
    {
        // "cuStreamCreate N ERROR": the Nth call from now on, 0 for every one.
        char name[64];
        long count;
        int error;
        if (std::sscanf(v.c_str(), "%63s %ld %d", name, &count, &error) != 3)
            return 1;
        s.faults[name] = Fault{count, error};
        armed = true;
    }
    else
        return 1;
    return 0;
}
