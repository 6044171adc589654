#include "execution.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace emulator
{
namespace
{
/// Host threads that wait for work and share the blocks of a launch. Never destroyed: the process may end while they wait.
class Workers
{
public:
    static Workers& instance()
    {
        static Workers* workers = new Workers;
        return *workers;
    }

    void run(Launch& launch, unsigned count)
    {
        std::lock_guard<std::mutex> one_launch(launch_mutex_);
        {
            std::lock_guard<std::mutex> lock(mutex_);
            while (threads_ < count - 1)
            {
                std::thread([this, number = threads_] { loop(number); }).detach();
                threads_++;
            }
            launch_ = &launch;
            wanted_ = count - 1;
            running_ = count - 1;
            turn_++;
        }
        begin_.notify_all();
        Runner::of_this_thread().run(launch);
        std::unique_lock<std::mutex> lock(mutex_);
        end_.wait(lock, [this] { return running_ == 0; });
    }

private:
    void loop(unsigned number)
    {
        uint64_t seen = 0;
        for (;;)
        {
            Launch* launch;
            {
                std::unique_lock<std::mutex> lock(mutex_);
                begin_.wait(lock, [&] { return turn_ != seen; });
                seen = turn_;
                if (number >= wanted_)
                    continue;
                launch = launch_;
            }
            Runner::of_this_thread().run(*launch);
            std::lock_guard<std::mutex> lock(mutex_);
            if (--running_ == 0)
                end_.notify_one();
        }
    }

    std::mutex launch_mutex_, mutex_;
    std::condition_variable begin_, end_;
    Launch* launch_ = nullptr;
    unsigned threads_ = 0, wanted_ = 0, running_ = 0;
    uint64_t turn_ = 0;
};
}

dim3 Launch::block_index(uint64_t number) const
{
    if (!block_order.empty())
        number = block_order[number];
    else if (schedule.order == Order::Reverse)
        number = blocks() - 1 - number;
    return dim3{static_cast<unsigned>(number % grid.x), static_cast<unsigned>(number / grid.x % grid.y), static_cast<unsigned>(number / grid.x / grid.y)};
}

void execute(Launch& launch)
{
    if (launch.schedule.order == Order::RandomPriorities)
    {
        // A random order of the blocks, as far as it can be written down.
        uint64_t state = launch.schedule.seed * 0x9E3779B97F4A7C15ull | 1;
        if (launch.blocks() <= (1u << 24))
        {
            launch.block_order.resize(launch.blocks());
            for (uint32_t i = 0; i < launch.block_order.size(); i++)
                launch.block_order[i] = i;
            for (size_t i = launch.block_order.size(); i > 1; i--)
            {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                std::swap(launch.block_order[i - 1], launch.block_order[state % i]);
            }
        }
    }
    unsigned workers = static_cast<unsigned>(std::min<uint64_t>(launch.schedule.workers, launch.blocks()));
    if (workers > 1)
        Workers::instance().run(launch, workers);
    else
        Runner::of_this_thread().run(launch);
}
}
