namespace Sophia.Native.Training;

/// <summary>Where the importance ratio finds log mu.</summary>
public enum BehaviorSource
{
    /// <summary>In the record (behavior_logprobs).</summary>
    Record,

    /// <summary>The policy's own log-probabilities at the start of the round.</summary>
    Snapshot,
}
