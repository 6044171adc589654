namespace Sophia.Native.Training;

/// <summary>The shape of a learning rate after its warm-up.</summary>
public enum ScheduleShape
{
    /// <summary>Stays at the peak.</summary>
    Constant,

    /// <summary>Falls along half a cosine to the final fraction.</summary>
    Cosine,
}

/// <summary>Learning rate over steps: a linear warm-up, then a constant or a cosine.</summary>
/// <param name="Shape">What follows the warm-up.</param>
/// <param name="WarmupSteps">Steps of the linear warm-up; the first step trains at 1 / WarmupSteps of the peak.</param>
/// <param name="FinalFraction">Share of the peak at which a cosine ends.</param>
public sealed record LearningRateSchedule(ScheduleShape Shape, int WarmupSteps, double FinalFraction)
{
    /// <summary>The factor of the peak learning rate.</summary>
    /// <param name="step">The step, from 1.</param>
    /// <param name="totalSteps">Steps of the whole run.</param>
    public double Factor(int step, int totalSteps)
    {
        if (step <= WarmupSteps)
            return (double)step / WarmupSteps;
        if (Shape == ScheduleShape.Constant)
            return 1;
        var progress = Math.Clamp((step - 1.0 - WarmupSteps) / Math.Max(1, totalSteps - WarmupSteps), 0, 1);
        return FinalFraction + (1 - FinalFraction) * 0.5 * (1 + Math.Cos(Math.PI * progress));
    }
}
