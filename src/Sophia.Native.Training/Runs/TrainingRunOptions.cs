using Sophia.Native.Models.Files;
using Sophia.Native.Training.Recipes;

namespace Sophia.Native.Training.Runs;

/// <summary>What a run needs besides model, recipe and samples.</summary>
public sealed record TrainingRunOptions
{
    /// <summary>OUT: metrics.jsonl, TensorBoard's events and checkpoints/.</summary>
    public required string OutputFolder { get; init; }

    /// <summary>Go on from the newest complete checkpoint, or from the beginning where there is none.</summary>
    public bool Resume { get; init; }

    /// <summary>Seed of the order of samples.</summary>
    public ulong Seed { get; init; }

    /// <summary>Layout of the saved model.</summary>
    public CheckpointLayout Layout { get; init; } = CheckpointLayout.HuggingFace;

    /// <summary>Name or folder of the model, which the checkpoints of an adapter name; null where it is not known.</summary>
    public string? BaseModel { get; init; }

    /// <summary>Adds files to a checkpoint's folder, such as those of the tokenizer.</summary>
    public Action<string>? AddFiles { get; init; }

    /// <summary>
    /// Measures the policy after a step, as often as <see cref="Recipe.EvaluateEvery"/> says: names and values for metrics.jsonl and TensorBoard. It must leave parameters and optimizer alone, and throw
    /// <see cref="OperationCanceledException"/> when it is canceled; a resumed run then calls it again for that step.
    /// </summary>
    public Func<int, CancellationToken, IReadOnlyList<KeyValuePair<string, double>>>? Evaluate { get; init; }

    /// <summary>Called after every step.</summary>
    public Action<TrainingProgress>? Progress { get; init; }

    /// <summary>Called with what a user should know once.</summary>
    public Action<string>? Notice { get; init; }
}
