using Sophia.Native.Rewards;

namespace Sophia.Native;

/// <summary>The constants of a selection.</summary>
public readonly record struct SelectionOptions
{
    /// <summary>The paper's rule: alpha 0.75, keep the shortest one.</summary>
    public SelectionOptions()
    {
    }

    /// <summary>K, captions of an (image, question) pair.</summary>
    public required int Captions { get; init; }

    /// <summary>N, answers of a caption.</summary>
    public required int Answers { get; init; }

    /// <summary>A caption passes when its reward is strictly greater.</summary>
    public float Alpha { get; init; } = 0.75f;

    /// <summary>How many trajectories of a pair are kept.</summary>
    public int Keep { get; init; } = 1;

    /// <summary>Which answers are eligible and in which order.</summary>
    public SelectionMode Mode { get; init; } = SelectionMode.Shortest;

    /// <summary>Seed of the random modes; the pair's number is its row.</summary>
    public uint Seed { get; init; }
}
