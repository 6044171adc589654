#include "watchdog.h"

#include "cuda_errors.h"

#include <chrono>
#include <csignal>
#include <cstring>
#include <mutex>
#include <pthread.h>
#include <set>
#include <thread>
#include <ucontext.h>

namespace emulator
{
namespace
{
/// One of the signals nobody else uses.
int interruption() { return SIGRTMAX - 3; }

void on_interruption(int, siginfo_t*, void* context)
{
    if (emulator_thread == nullptr)
        return;
    Thread& thread = current_thread();
    const CodeRange& code = thread.resident->launch->code;
    uintptr_t at = static_cast<uintptr_t>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
    // In the kernel's own code nothing is held or half done. Elsewhere it is tried again a second later.
    if (at < code.base || at >= code.end)
        return;
    thread.resident->runner->fail(CUDA_ERROR_LAUNCH_TIMEOUT, "an endless loop: the thread has used " + std::to_string(thread.resident->launch->schedule.turn_seconds) + " seconds of processor time without waiting for anything",
                                  reinterpret_cast<const void*>(at + 1));
}
}

class Watchdog
{
public:
    static Watchdog& instance()
    {
        static Watchdog* watchdog = new Watchdog;
        return *watchdog;
    }

    void add(WatchedRun* run)
    {
        std::lock_guard<std::mutex> lock(mutex_);
        runs_.insert(run);
    }

    void remove(WatchedRun* run)
    {
        std::lock_guard<std::mutex> lock(mutex_);
        runs_.erase(run);
    }

private:
    Watchdog()
    {
        struct sigaction action;
        std::memset(&action, 0, sizeof action);
        action.sa_sigaction = on_interruption;
        // Not masked during the handler: it may leave by another way than its end.
        action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART;
        sigaction(interruption(), &action, nullptr);
        std::thread([this] { watch(); }).detach();
    }

    void watch()
    {
        for (;;)
        {
            std::this_thread::sleep_for(std::chrono::seconds(1));
            std::lock_guard<std::mutex> lock(mutex_);
            for (WatchedRun* run : runs_)
            {
                double now = run->processor_seconds();
                if (uint64_t turn = run->runner_.turns(); turn != run->turn_)
                {
                    run->turn_ = turn;
                    run->turn_begin_ = now;
                }
                else if (now - run->turn_begin_ > run->schedule_.turn_seconds)
                    pthread_kill(run->thread_, interruption());
                if (now - run->begin_ > run->schedule_.launch_seconds)
                    run->runner_.expire();
            }
        }
    }

    std::mutex mutex_;
    std::set<WatchedRun*> runs_;
};

WatchedRun::WatchedRun(Runner& runner, const Schedule& schedule) : runner_(runner), schedule_(schedule), thread_(pthread_self())
{
    pthread_getcpuclockid(thread_, &clock_);
    begin_ = turn_begin_ = processor_seconds();
    turn_ = runner.turns();
    Watchdog::instance().add(this);
}

WatchedRun::~WatchedRun() { Watchdog::instance().remove(this); }

double WatchedRun::processor_seconds() const
{
    timespec time{};
    clock_gettime(clock_, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}
}
