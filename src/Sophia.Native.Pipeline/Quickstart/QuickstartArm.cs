using Sophia.Native.Objectives;
using Sophia.Native.Rewards;
using Sophia.Native.Training;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>An arm of the quickstart: what the update is trained on, and by which objective.</summary>
/// <param name="Name">Its name in tables and on the command line.</param>
/// <param name="Description">What it shows.</param>
/// <param name="Selection">Which trajectories are rewarded.</param>
public sealed record QuickstartArm(string Name, string Description, SelectionMode Selection)
{
    /// <summary>Name of the arm that is the method itself: the others are compared with it.</summary>
    public const string Method = "full";

    /// <summary>KEEP: how many trajectories of a pair are rewarded at most.</summary>
    public int Keep { get; init; } = 1;

    /// <summary>Whether the captions that the selected trajectories were reasoned from are trained too, as answers to the caption instruction, each once.</summary>
    public bool TrainsCaptions { get; init; }

    /// <summary>The objective of the update.</summary>
    public ObjectiveOptions Objective { get; init; } = new();

    /// <summary>Where the importance ratio finds log mu.</summary>
    public BehaviorSource Behavior { get; init; } = BehaviorSource.Record;

    /// <summary>The method and the ablations of the paper, in the order in which they are run; the last is this library's: the importance ratio that the paper replaces by one.</summary>
    public static IReadOnlyList<QuickstartArm> All { get; } =
    [
        new(Method, "SOPHIA: captions that pass the gate, shortest right answer", SelectionMode.Shortest),
        new("random", "one answer of all, right or wrong", SelectionMode.Random),
        new("no-caption-reward", "shortest right answer, whatever the caption's reward", SelectionMode.NoCaptionReward),
        new("no-shortest", "any right answer of a caption that passes the gate", SelectionMode.NoShortest),
        new("keep-2", "as full, but the two shortest right answers of a question", SelectionMode.Shortest) { Keep = 2 },
        new("caption-as-data", "as full, and the captions behind the selected answers are training data too", SelectionMode.Shortest) { TrainsCaptions = true },
        new("token-ratio", "as full, every token weighed by its clipped ratio to the model at the start of the update", SelectionMode.Shortest)
        {
            Objective = new() { Ratio = ImportanceRatio.Token, ClipLow = 0.8f, ClipHigh = 1.28f },
            Behavior = BehaviorSource.Snapshot,
        },
    ];
}
