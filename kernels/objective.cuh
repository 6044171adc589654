// The SOPHIA loss of one token, operation for operation src/Sophia.Native/Objectives/TokenObjective.cs: -sg(clip(w, low, high)) * R * log p + coefficient * KL(d), d = log p - log reference.
#pragma once

#include "math.cuh"

// The members of ImportanceRatio and DivergenceEstimator, in their order.
constexpr int RATIO_TOKEN = 1;
constexpr int RATIO_SEQUENCE = 2;
constexpr int RATIO_MULTIPLE = 3;
constexpr int DIVERGENCE_NONE = 0;
constexpr int DIVERGENCE_K1 = 1;
constexpr int DIVERGENCE_K2 = 2;

struct ObjectiveConstants
{
    int ratio;
    int divergence;
    float clip_low, clip_high, coefficient;
};

struct TokenTerm
{
    float loss, derivative, ratio;
};

DEVICE TokenTerm token_objective(const ObjectiveConstants& constants, float log_probability, float behavior, float snapshot, float sequence_log_ratio, float reference, float weight)
{
    TokenTerm term;
    term.ratio = 1.0f;
    if (constants.ratio == RATIO_TOKEN) term.ratio = exponential(log_probability - behavior);
    if (constants.ratio == RATIO_SEQUENCE) term.ratio = exponential(sequence_log_ratio);
    if (constants.ratio == RATIO_MULTIPLE) term.ratio = 2.0f / (exponential(behavior - log_probability) + exponential(snapshot - log_probability));
    // A ratio that is not a number stays one.
    float clipped = term.ratio < constants.clip_low ? constants.clip_low : term.ratio;
    clipped = clipped > constants.clip_high ? constants.clip_high : clipped;
    term.derivative = -clipped * weight;
    term.loss = term.derivative * log_probability;
    if (constants.divergence != DIVERGENCE_NONE)
    {
        float difference = log_probability - reference;
        float value = difference;
        float slope = 1.0f;
        if (constants.divergence == DIVERGENCE_K2)
        {
            value = 0.5f * difference * difference;
            slope = difference;
        }
        else if (constants.divergence != DIVERGENCE_K1)
        {
            float inverse = exponential(-difference);
            value = inverse - 1.0f + difference;
            slope = 1.0f - inverse;
        }
        term.loss += constants.coefficient * value;
        term.derivative += constants.coefficient * slope;
    }
    return term;
}
