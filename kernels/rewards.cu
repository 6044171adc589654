// Rewards of captions and the selection of trajectories, all (image, question) pairs in one launch each.
//
// rewards_propagate: caption_rewards[g, k] = (1 / N) sum over n in order of outcome_rewards[g, k N + n]                                   (overwrites)
// rewards_select:    rewards[g, k N + n] = 1 for the KEEP answers of the pool with the smallest (key, index), else 0                      (overwrites)
//                    the pool and the key are those of src/Sophia.Native/Rewards/TrajectorySelection.cs: right answers of captions whose reward is greater than alpha, the shortest first, or
//                    what a mode leaves of that; a truncated answer (negative length) is in no pool; random keys are Philox's at (pair, index) alone
// Shapes: rewards, outcome_rewards [G, K N], caption_rewards [G, K]: float; lengths [G, K N]: int; row strides in elements.
//
// The bits are those of the CPU: a sum in order and one division; whole numbers. A pair's place among all depends on nothing else.
// Bound by the launch: 4096 trajectories are 48 KB. A warp takes a pair; every round finds the least (key, index) above the last, so KEEP rounds over K N / 32 answers a lane.
// Not yet measured on a GPU. Where to read first: selection_order.
#include "philox.cuh"

// The members of SelectionMode, in their order; 0 is the method.
constexpr int MODE_NO_CAPTION_REWARD = 1;
constexpr int MODE_NO_SHORTEST = 2;
constexpr int MODE_RANDOM = 3;
constexpr unsigned PURPOSE = 0x73656C65u;
constexpr unsigned long long NOT_IN_POOL = 0xffffffffffffffffull;

/// A thread a caption.
KERNEL(128) rewards_propagate(float* __restrict__ caption_rewards, long long caption_stride, const float* __restrict__ outcome_rewards, long long outcome_stride, int groups, int captions, int answers)
{
    long long index = static_cast<long long>(blockIdx.x) * 128 + threadIdx.x;
    if (index >= static_cast<long long>(groups) * captions) return;
    long long group = index / captions;
    int caption = static_cast<int>(index % captions);
    const float* outcomes = outcome_rewards + group * outcome_stride + static_cast<long long>(caption) * answers;
    float sum = 0.0f;
    for (int answer = 0; answer < answers; answer++) sum += outcomes[answer];
    caption_rewards[group * caption_stride + caption] = sum / static_cast<float>(answers);
}

struct SelectionRule
{
    int answers, mode;
    float alpha;
    unsigned seed;
};

/// Key and index of an answer as one number, or NOT_IN_POOL.
DEVICE unsigned long long selection_order(const SelectionRule& rule, float outcome, float caption_reward, int length, unsigned group, int index)
{
    bool in_pool = rule.mode == MODE_RANDOM || (outcome == 1.0f && (rule.mode == MODE_NO_CAPTION_REWARD || caption_reward > rule.alpha));
    if (length < 0 || !in_pool) return NOT_IN_POOL;
    unsigned key = static_cast<unsigned>(length);
    if (rule.mode == MODE_NO_SHORTEST || rule.mode == MODE_RANDOM) key = philox(group, static_cast<unsigned>(index), 0u, PURPOSE, rule.seed).words[0];
    return static_cast<unsigned long long>(key) << 32 | static_cast<unsigned>(index);
}

/// A warp a pair, four pairs a block.
KERNEL(128) rewards_select(float* __restrict__ rewards, long long rewards_stride, const float* __restrict__ caption_rewards, long long caption_stride, const float* __restrict__ outcome_rewards,
    long long outcome_stride, const int* __restrict__ lengths, long long lengths_stride, int groups, int captions, int answers, int keep, int mode, float alpha, unsigned seed)
{
    long long group = static_cast<long long>(blockIdx.x) * 4 + threadIdx.x / WARP;
    if (group >= groups) return;
    int lane = static_cast<int>(threadIdx.x) % WARP;
    int count = captions * answers;
    SelectionRule rule = {answers, mode, alpha, seed};
    float* own_rewards = rewards + group * rewards_stride;
    const float* own_captions = caption_rewards + group * caption_stride;
    const float* outcomes = outcome_rewards + group * outcome_stride;
    const int* own_lengths = lengths + group * lengths_stride;
    for (int index = lane; index < count; index += WARP) own_rewards[index] = 0.0f;
    unsigned long long last = 0;
    for (int round = 0; round < keep; round++)
    {
        unsigned long long best = NOT_IN_POOL;
        for (int index = lane; index < count; index += WARP)
        {
            unsigned long long order = selection_order(rule, outcomes[index], own_captions[index / answers], own_lengths[index], static_cast<unsigned>(group), index);
            if (order < best && (round == 0 || order > last)) best = order;
        }
#pragma unroll
        for (int distance = WARP / 2; distance > 0; distance /= 2)
        {
            unsigned long long other = __shfl_xor_sync(FULL_WARP, best, distance);
            if (other < best) best = other;
        }
        if (best == NOT_IN_POOL) return;
        last = best;
        // The lane that cleared the element also sets it.
        int selected = static_cast<int>(static_cast<unsigned>(best));
        if (selected % WARP == lane) own_rewards[selected] = 1.0f;
    }
}
