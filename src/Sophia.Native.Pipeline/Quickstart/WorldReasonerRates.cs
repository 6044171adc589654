namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>How often the embedded reasoner does what, each a probability per trace or, for <see cref="LookBack"/>, per object.</summary>
public sealed record WorldReasonerRates
{
    /// <summary>No slips and no detours: the shortest right traces.</summary>
    public static WorldReasonerRates Terse { get; } = new() { Slip = 0, Misread = 0, LookBack = 0, Recheck = 0, Wordy = 0 };

    /// <summary>One mistake that stays: three in five are a wrong price at one object, two in five an error of one in the last sum.</summary>
    public double Slip { get; init; } = .2;

    /// <summary>One object is first said with a wrong size, color or shape, and corrected after a look back.</summary>
    public double Misread { get; init; } = .25;

    /// <summary>After an object, a look back that confirms it.</summary>
    public double LookBack { get; init; } = .15;

    /// <summary>The last sum is said twice.</summary>
    public double Recheck { get; init; } = .3;

    /// <summary>Whole sentences instead of telegrams.</summary>
    public double Wordy { get; init; } = .5;
}
