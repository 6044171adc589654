// Ends launches that would never end: a thread in an endless loop, also one that touches no memory, and a launch whose threads take turns for ever.
//
// A host thread of its own looks at all runners once a second. A thread that has used up the schedule's processor time in one turn is interrupted by a signal, whose handler, if it finds itself in the
// kernel's own code, abandons the launch from there.
#pragma once

#include "execution.h"

#include <ctime>

namespace emulator
{
/// A runner is watched during the life of this object, on the host thread that runs it.
class WatchedRun
{
public:
    WatchedRun(Runner& runner, const Schedule& schedule);
    ~WatchedRun();
    WatchedRun(const WatchedRun&) = delete;
    WatchedRun& operator=(const WatchedRun&) = delete;

private:
    friend class Watchdog;
    double processor_seconds() const;

    Runner& runner_;
    const Schedule& schedule_;
    unsigned long thread_;
    clockid_t clock_;
    double begin_ = 0, turn_begin_ = 0;
    uint64_t turn_ = 0;
};
}
