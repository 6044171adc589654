using Xunit;

namespace Sophia.Native.Conformance;

public abstract partial class OperationConformance
{
    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void A_gradient_that_is_not_finite_lowers_the_flag_and_stops_the_update(double wrong)
    {
        Needs(nameof(Backend.GradientNorm), nameof(Backend.AdamW));
        const int count = 9000;
        var random = ConformanceSeed.For($"not finite {wrong}");
        var (values, gradientValues) = (random.Uniform(count), random.Uniform(count));
        gradientValues[random.Next(0, count)] = wrong;
        using var scratch = new DeviceScratch(Subject);
        var (parameters, gradients, state) = (scratch.Vector(values), scratch.Vector(gradientValues), scratch.Empty(1, Backend.GradientStateLength));
        var (firstMoments, secondMoments) = (scratch.Vector(values), scratch.Vector(random.Uniform(count, 0.0, 1.0)));
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
}
