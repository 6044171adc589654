namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>What an arm was trained on.</summary>
/// <param name="Pairs">Pairs of image and question with a selected trajectory.</param>
/// <param name="Captions">The captions behind the selected trajectories against their scenes, one for each trajectory.</param>
/// <param name="Claims">The statements of these captions against their scenes.</param>
/// <param name="MeanLength">Mean length of the selected responses in tokens of the policy.</param>
public sealed record SelectedData(int Pairs, CaptionScore Captions, ClaimCounts Claims, double MeanLength)
{
    /// <summary>Selected trajectories; more than pairs where several of a pair are kept.</summary>
    public int Trajectories { get; init; } = Pairs;

    /// <summary>Selected trajectories whose answer is right.</summary>
    public int RightTrajectories { get; init; } = Pairs;

    /// <summary>Captions that are trained on themselves.</summary>
    public int TrainedCaptions { get; init; }

    /// <summary>Data of two seeds together.</summary>
    public static SelectedData operator +(SelectedData left, SelectedData right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        var trajectories = left.Trajectories + right.Trajectories;
        var tokens = left.MeanLength * left.Trajectories + right.MeanLength * right.Trajectories;
        return new(left.Pairs + right.Pairs, left.Captions + right.Captions, left.Claims + right.Claims, trajectories == 0 ? 0 : tokens / trajectories)
        {
            Trajectories = trajectories,
            RightTrajectories = left.RightTrajectories + right.RightTrajectories,
            TrainedCaptions = left.TrainedCaptions + right.TrainedCaptions,
        };
    }
}
