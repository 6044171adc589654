namespace Sophia.Native.Training;

/// <summary>The shape of a learning rate after its warm-up.</summary>
public enum ScheduleShape
{
    /// <summary>Stays at the peak.</summary>
    Constant,

    /// <summary>Falls along half a cosine to the final fraction.</summary>
    Cosine,
}
