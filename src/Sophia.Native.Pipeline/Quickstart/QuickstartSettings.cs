namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>The sizes of the quickstart. The defaults are those at which the loop works in minutes; the learning tests run them as they are.</summary>
public sealed record QuickstartSettings
{
    /// <summary>Seed of everything.</summary>
    public ulong Seed { get; init; }

    /// <summary>The type in which parameters and activations are stored; what is trained has Float32 masters.</summary>
    public ElementType Storage { get; init; }

    /// <summary>Tasks of a warm-up step: of seeing, of answering at once, of reasoning in text alone.</summary>
    public (int Image, int Direct, int Text) WarmUpTasks { get; init; } = (32, 6, 16);

    /// <summary>Peak learning rate of the warm-up.</summary>
    public double WarmUpLearningRate { get; init; } = 2e-3;

    /// <summary>Steps of the warm-up, under a cosine.</summary>
    public int WarmUpSteps { get; init; } = 550;

    /// <summary>Steps between probes of the warm-up.</summary>
    public int ProbeEvery { get; init; } = 100;

    /// <summary>Scenes of the round.</summary>
    public int Scenes { get; init; } = 1000;

    /// <summary>Questions about a scene.</summary>
    public int QuestionsPerScene { get; init; } = 2;

    /// <summary>K.</summary>
    public int Captions { get; init; } = 8;

    /// <summary>N.</summary>
    public int Answers { get; init; } = 8;

    /// <summary>The gate's strict threshold.</summary>
    public float Alpha { get; init; } = 0.75f;

    /// <summary>Steps of the update; the same for every arm.</summary>
    public int UpdateSteps { get; init; } = 240;

    /// <summary>Trained tokens of trajectories in a step; the same for every arm.</summary>
    public int UpdateTokens { get; init; } = 2000;

    /// <summary>Peak learning rate of the update.</summary>
    public double UpdateLearningRate { get; init; } = 1e-3;

    /// <summary>Share of the loss that replays warm-up tasks.</summary>
    public double ReplayShare { get; init; } = 0.3;

    /// <summary>Replayed tasks of an update step.</summary>
    public (int Image, int Direct, int Text) ReplayTasks { get; init; } = (12, 4, 6);

    /// <summary>Held-out questions of the evaluation, each about a scene of its own.</summary>
    public int EvaluationQuestions { get; init; } = 1500;

    /// <summary>The most tokens of a slow answer.</summary>
    public int MaximumResponseTokens { get; init; } = 200;
}
