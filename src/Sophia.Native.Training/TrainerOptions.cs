using Sophia.Native.Models;
using Sophia.Native.Objectives;

namespace Sophia.Native.Training;

/// <summary>What a step optimizes and the memory it may use.</summary>
public sealed record TrainerOptions
{
    /// <summary>The objective.</summary>
    public ObjectiveOptions Objective { get; init; } = new();

    /// <summary>The average over tokens.</summary>
    public NormalizationMode Normalization { get; init; } = NormalizationMode.TokenMean;

    /// <summary>The optimizer.</summary>
    public AdamWOptions Optimizer { get; init; } = new();

    /// <summary>The trainers that share a step; one alone by default.</summary>
    public IRankGroup Ranks { get; init; } = SingleRank.Instance;

    /// <summary>The sizes of a micro-batch.</summary>
    public required ModelPlan MicroBatch { get; init; }
}
