using Sophia.Native.Rewards;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>An arm of the quickstart: what the update is trained on.</summary>
/// <param name="Name">Its name in tables and on the command line.</param>
/// <param name="Description">What it shows.</param>
/// <param name="Selection">Which trajectories are rewarded.</param>
public sealed record QuickstartArm(string Name, string Description, SelectionMode Selection)
{
    /// <summary>The method and the ablations of the paper (its reward ablation), in the order in which they are run.</summary>
    public static IReadOnlyList<QuickstartArm> All { get; } =
    [
        new("full", "SOPHIA: captions that pass the gate, shortest right answer", SelectionMode.Shortest),
        new("random", "one answer of all, right or wrong", SelectionMode.Random),
        new("no-caption-reward", "shortest right answer, whatever the caption's reward", SelectionMode.NoCaptionReward),
        new("no-shortest", "any right answer of a caption that passes the gate", SelectionMode.NoShortest),
    ];
}
