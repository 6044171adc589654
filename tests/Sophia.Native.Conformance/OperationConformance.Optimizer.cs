using Xunit;
using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public abstract partial class OperationConformance
{
    [Theory]
    [StorageData(double.NaN)]
    [StorageData(double.PositiveInfinity)]
    [StorageData(double.NegativeInfinity)]
    public void A_gradient_that_is_not_finite_lowers_the_flag_and_stops_the_update(double wrong, ElementType storage)
    {
        Needs(nameof(Backend.GradientNorm), nameof(Backend.AdamW));
        const int count = 9000;
        var random = ConformanceSeed.For($"not finite {wrong}");
        var (values, gradientValues) = (random.Uniform(count), random.Uniform(count));
        gradientValues[random.Next(0, count)] = wrong;
        using var scratch = new DeviceScratch(Subject);
        var (parameters, gradients, state) = (scratch.Vector(values, storage), scratch.Vector(gradientValues), scratch.Empty(1, Backend.GradientStateLength));
        var (firstMoments, secondMoments) = (scratch.Vector(values, storage), scratch.Vector(random.Uniform(count, 0.0, 1.0), storage));
        var before = new[] { scratch.Read(parameters), scratch.Read(firstMoments), scratch.Read(secondMoments) };
        var step = new AdamWStep { LearningRate = 1e-2, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8, WeightDecay = 0.05, Step = 1 };
        Run(() =>
        {
            Subject.GradientNorm(state, gradients, 1f);
            Subject.AdamW(parameters, firstMoments, secondMoments, gradients, state, step);
        });
        Assert.Equal(0f, scratch.Read(state)[2]);
        Bits.Equal(before[0], scratch.Read(parameters), "parameters after a step with the flag down");
        Bits.Equal(before[1], scratch.Read(firstMoments), "first moments after a step with the flag down");
        Bits.Equal(before[2], scratch.Read(secondMoments), "second moments after a step with the flag down");
    }

    [Theory]
    [StorageData]
    public void What_a_step_stores_has_the_bits_of_the_references_rounding(ElementType storage)
    {
        const int count = 20011;
        var random = ConformanceSeed.For("stochastic rounding");
        using var scratch = new DeviceScratch(Subject);
        var step = StepOf(random, 1e-2, 7);
        var (parameters, first, second) = (scratch.Vector(random.Uniform(count), storage), scratch.Vector(random.Uniform(count), storage), scratch.Vector(random.Uniform(count, 0.01, 1.0), storage));
        var gradients = scratch.Vector(random.Uniform(count));
        var expected = new[] { Widen(scratch.Read(parameters)), Widen(scratch.Read(first)), Widen(scratch.Read(second)) };
        AdamW(expected[0], expected[1], expected[2], Widen(scratch.Read(gradients)), [1.0, 1.0, 1.0, 0.0], step.LearningRate, step.Beta1, step.Beta2, step.Epsilon, step.WeightDecay, step.Step);
        Run(() => Subject.AdamW(parameters, first, second, gradients, scratch.Vector([1.0, 1.0, 1.0, 0.0]), step));
        var found = new[] { scratch.Read(parameters), scratch.Read(first), scratch.Read(second) };
        for (var word = 0; word < 3; word++)
        {
            var decided = 0;
            for (var i = 0; i < count; i++)
            {
                // The fp32 value that is rounded may lie this far from the reference's on either side, which matters to few elements.
                var (bits, below, above) = (RoundingBits(i, step.Step, word, step.Seed), expected[word][i] - 1e-6, expected[word][i] + 1e-6);
                if (storage == ElementType.BFloat16)
                    (below, above) = (RoundStochastically(below, bits), RoundStochastically(above, bits));
                Assert.True(found[word][i] >= below && found[word][i] <= above, $"seed {ConformanceSeed.Value}, element {i} of {word}: {expected[word][i]:R} with bits {bits:X4} gave {found[word][i]:R}, not {below:R} to {above:R}.");
                decided += below.Equals(above) ? 1 : 0;
            }
            Assert.True(decided > 0.98 * count || storage == ElementType.Float32, $"Only {decided} of {count} roundings were decided.");
        }
    }

    [Theory]
    [StorageData]
    public void The_mean_of_many_parameters_moves_by_the_steps_however_they_are_stored(ElementType storage)
    {
        const int count = 40000, steps = 5;
        var random = ConformanceSeed.For("mean of roundings");
        using var scratch = new DeviceScratch(Subject);
        var constants = StepOf(random, 1e-3, 1);
        // A step of a tenth of a unit in the last place: rounding to nearest would lose all of it.
        var same = new double[count];
        Array.Fill(same, 1.5);
        var (parameters, gradients, state) = (scratch.Vector(same, storage), scratch.Vector(same), scratch.Vector([1.0, 1.0, 1.0, 0.0]));
        var (first, second) = (scratch.Vector(new double[count]), scratch.Vector(new double[count]));
        var (exact, m, v) = (new[] { 1.5 }, new double[1], new double[1]);
        for (var t = 1; t <= steps; t++)
        {
            var step = constants with { Step = t };
            AdamW(exact, m, v, [1.5], [1.0, 1.0, 1.0, 0.0], step.LearningRate, step.Beta1, step.Beta2, step.Epsilon, step.WeightDecay, t);
            Run(() => Subject.AdamW(parameters, first, second, gradients, state, step));
        }
        var sum = 0.0;
        var values = scratch.Read(parameters);
        foreach (var value in values)
            sum += value;
        // Each of the steps rounds with a deviation of at most half a unit, 2^-8 for BFloat16; six standard deviations of their mean. Float32 rounds the same way in every element.
        var allowed = storage == ElementType.BFloat16 ? 6.0 * Math.Sqrt(steps / (double)count) / 256 : steps * 2.0 * Rounding.Unit;
        Assert.True(Math.Abs(sum / count - exact[0]) < allowed, $"seed {ConformanceSeed.Value}: the mean {sum / count:R} is not {exact[0]:R} within {allowed:R}.");
        Assert.True(1.5 - exact[0] > 10.0 * allowed, "The steps are too small for this test to see.");
        var again = scratch.Vector(same, storage);
        var other = scratch.Vector(same, storage);
        Run(() =>
        {
            Subject.AdamW(again, scratch.Vector(new double[count]), scratch.Vector(new double[count]), gradients, state, constants);
            Subject.AdamW(other, scratch.Vector(new double[count]), scratch.Vector(new double[count]), gradients, state, constants with { Seed = constants.Seed + 1 });
        });
        Assert.Equal(storage == ElementType.Float32, scratch.Read(again).SequenceEqual(scratch.Read(other)));
    }

    private static AdamWStep StepOf(CaseRandom random, double learningRate, int step) => new()
    {
        LearningRate = learningRate, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8, WeightDecay = 0.05, Step = step, Seed = ((ulong)random.Next(0, int.MaxValue) << 32) | (uint)random.Next(0, int.MaxValue),
    };

    private static double[] Widen(float[] values) => Array.ConvertAll(values, value => (double)value);
}
