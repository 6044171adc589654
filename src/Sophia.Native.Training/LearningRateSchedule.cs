namespace Sophia.Native.Training;

/// <summary>
/// Learning rate over steps: a linear warm-up, then a constant or a cosine. With W warm-up steps of T, step s (from 1) trains at s / W of the peak up to step W, afterwards at
/// f + (1 - f) * (1 + cos(pi * (s - 1 - W) / (T - W))) / 2: the first step after the warm-up at the peak, the last one a step short of the final fraction f,
/// as the schedules of PyTorch and transformers do.
/// </summary>
/// <param name="Shape">What follows the warm-up.</param>
/// <param name="WarmupSteps">W; the first step trains at 1 / W of the peak.</param>
/// <param name="FinalFraction">f, the share of the peak that a cosine falls to.</param>
public sealed record LearningRateSchedule(ScheduleShape Shape, int WarmupSteps, double FinalFraction)
{
    /// <summary>The factor of the peak learning rate.</summary>
    /// <param name="step">s, from 1.</param>
    /// <param name="totalSteps">T, the steps of the whole run.</param>
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
