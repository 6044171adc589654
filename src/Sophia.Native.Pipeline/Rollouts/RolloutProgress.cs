namespace Sophia.Native.Pipeline.Rollouts;

/// <summary>How far a stage is.</summary>
/// <param name="Stage">caption, reason or reward.</param>
/// <param name="Done">Captions, answers or questions that are done, those of former runs included.</param>
/// <param name="Total">All of them in this shard.</param>
public readonly record struct RolloutProgress(string Stage, long Done, long Total);
