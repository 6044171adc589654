using Sophia.Native.Training;

namespace Sophia.Native.Tests.Training;

public sealed class LearningRateScheduleTests
{
    [Fact]
    public void Warm_up_rises_linearly_to_the_peak_and_a_constant_stays_there()
    {
        var schedule = new LearningRateSchedule(ScheduleShape.Constant, 4, 0.1);
        Assert.Equal([0.25, 0.5, 0.75, 1, 1, 1, 1], Factors(schedule, 7));
    }

    [Fact]
    public void Without_warm_up_the_first_step_trains_at_the_peak()
    {
        foreach (var shape in Enum.GetValues<ScheduleShape>())
            Assert.Equal(1, new LearningRateSchedule(shape, 0, 0.25).Factor(1, 10));
    }

    [Fact]
    public void A_cosine_begins_at_the_peak_halves_the_way_in_the_middle_and_ends_a_step_short_of_the_final_fraction()
    {
        var schedule = new LearningRateSchedule(ScheduleShape.Cosine, 2, 0.25);
        Assert.Equal([0.5, 1], Factors(schedule, 12)[..2]);
        Assert.Equal(1, schedule.Factor(3, 12));
        Assert.Equal(0.625, schedule.Factor(8, 12), 1e-15);
        Assert.Equal(0.25 + 0.75 * (1 + Math.Cos(Math.PI * 0.9)) / 2, schedule.Factor(12, 12), 1e-15);
        Assert.Equal(0.25, schedule.Factor(13, 12), 1e-15);
        Assert.Equal(0.25, schedule.Factor(1000, 12), 1e-15);
    }

    [Fact]
    public void A_cosine_never_rises_and_never_leaves_its_range()
    {
        var schedule = new LearningRateSchedule(ScheduleShape.Cosine, 0, 0.1);
        var factors = Factors(schedule, 50);
        for (var i = 1; i < factors.Length; i++)
            Assert.True(factors[i] < factors[i - 1] && factors[i] > 0.1);
    }

    [Fact]
    public void A_run_no_longer_than_its_warm_up_ends_in_it()
    {
        Assert.Equal([0.2, 0.4, 0.6], Factors(new LearningRateSchedule(ScheduleShape.Cosine, 5, 0), 3));
        Assert.Equal([0.5, 1], Factors(new LearningRateSchedule(ScheduleShape.Cosine, 2, 0), 2));
        Assert.Equal([1], Factors(new LearningRateSchedule(ScheduleShape.Cosine, 0, 0.5), 1));
    }

    private static double[] Factors(LearningRateSchedule schedule, int steps) => [.. Enumerable.Range(1, steps).Select(step => schedule.Factor(step, steps))];
}
