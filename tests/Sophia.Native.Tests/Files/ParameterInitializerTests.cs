using Sophia.Native.Models;

namespace Sophia.Native.Tests.Files;

public class ParameterInitializerTests
{
    private static ParameterArray Initialize(InternVLConfig config, ulong seed, int? chunkElements = null)
    {
        var layout = new ParameterLayout(config);
        var values = new ParameterArray(layout);
        if (chunkElements is { } elements) ParameterInitializer.Initialize(layout, seed, values, elements);
        else ParameterInitializer.Initialize(layout, seed, values);
        values.AssertComplete();
        return values;
    }

    [Fact]
    public void The_numbers_do_not_depend_on_the_size_of_the_pieces()
    {
        var config = KnownModels.SmallInternLM2();
        var whole = Initialize(config, 7);
        foreach (var elements in new[] { 1, 11, 50, 333 }) Initialize(config, 7, elements).AssertBitsEqual(whole);
    }

    [Fact]
    public void A_parameter_does_not_depend_on_the_rest_of_the_model()
    {
        var config = KnownModels.SmallQwen2();
        var small = Initialize(config, 3);
        var deep = Initialize(config with { Vision = config.Vision with { LayerCount = 5 }, Text = config.Text with { VocabularySize = 50 } }, 3);

        Assert.Equal(small.Of("decoder.layers.2.down.weight"), deep.Of("decoder.layers.2.down.weight"));
        Assert.Equal(small.Of("decoder.embedding"), deep.Of("decoder.embedding")[..small.Of("decoder.embedding").Length]);
    }

    [Fact]
    public void Seeds_and_names_give_different_numbers()
    {
        var config = KnownModels.SmallQwen2();
        var (first, second) = (Initialize(config, 1), Initialize(config, 1UL << 40 | 1));

        Assert.NotEqual(first.Of("decoder.head.weight").ToArray(), second.Of("decoder.head.weight").ToArray());
        Assert.NotEqual(first.Of("decoder.head.weight").ToArray(), first.Of("decoder.embedding").ToArray());
        Assert.NotEqual(first.Of("decoder.layers.0.qkv.weight").ToArray(), first.Of("decoder.layers.1.qkv.weight").ToArray());
    }

    [Fact]
    public void The_first_numbers_are_the_recorded_ones()
    {
        // The same as an independent implementation of Philox and of the normal quantile gives, to 7 digits; exact, because a change of them changes every run from a random initialization.
        var values = Initialize(KnownModels.SmallQwen2(), 2026).Of("decoder.embedding")[..4].ToArray();

        Assert.Equal([0.03330075f, -0.00378700858f, 0.0473231226f, -0.0255379844f], values);
    }

    [Fact]
    public void Each_kind_of_parameter_has_its_values()
    {
        var config = KnownModels.SmallQwen2();
        config = config with
        {
            Vision = config.Vision with { InitializerRange = 0.05, LayerScaleInitialValue = 0.25 },
            Text = config.Text with { InitializerRange = 0.3, HiddenSize = 96, HeadCount = 6, HeadSize = 16, VocabularySize = 1000 },
        };
        var values = Initialize(config, 5);

        Assert.All(values.Of("vision.layers.1.norm2.weight").ToArray(), value => Assert.Equal(1f, value));
        Assert.All(values.Of("decoder.norm.weight").ToArray(), value => Assert.Equal(1f, value));
        Assert.All(values.Of("decoder.layers.0.qkv.bias").ToArray(), value => Assert.Equal(0f, value));
        Assert.All(values.Of("projector.norm.bias").ToArray(), value => Assert.Equal(0f, value));
        Assert.All(values.Of("vision.layers.0.scale1").ToArray(), value => Assert.Equal(0.25f, value));
        AssertNormal(values.Of("decoder.embedding").ToArray(), 0.3);
        AssertNormal(values.Of("decoder.layers.0.gate_up.weight").ToArray(), 0.3);
        AssertNormal(values.Of("projector.fc1.weight").ToArray(), 0.3);
        AssertNormal(values.Of("vision.layers.0.qkv.weight").ToArray(), 0.05);
        AssertNormal(values.Of("vision.positions").ToArray(), 0.05);

        var published = config with { Vision = config.Vision with { InitializerRange = 1e-10 } };
        AssertNormal(Initialize(published, 5).Of("vision.layers.0.qkv.weight").ToArray(), 0.3);
    }

    // Mean within five standard errors of 0, standard deviation within five of the range (its standard error is range / sqrt(2n)).
    private static void AssertNormal(float[] values, double range)
    {
        double mean = values.Average(value => (double)value), deviation = Math.Sqrt(values.Average(value => Math.Pow(value, 2)));
        Assert.InRange(mean, -5 * range / Math.Sqrt(values.Length), 5 * range / Math.Sqrt(values.Length));
        Assert.InRange(deviation, range * (1 - 5 / Math.Sqrt(2 * values.Length)), range * (1 + 5 / Math.Sqrt(2 * values.Length)));
    }

    [Theory]
    [InlineData(1e-9, -5.9978070150076865)]
    [InlineData(1.1641532182693481e-10, -6.337957754553789)]
    [InlineData(1e-5, -4.264890793923841)]
    [InlineData(0.01, -2.326347874040841)]
    [InlineData(0.075, -1.4395314709384563)]
    [InlineData(0.0749999, -1.4395321773759004)]
    [InlineData(0.3, -0.5244005127080409)]
    [InlineData(0.5, 0.0)]
    [InlineData(0.9, 1.2815515655446008)]
    [InlineData(0.975, 1.9599639845400536)]
    [InlineData(0.9999999, 5.199337582290661)]
    public void The_quantiles_are_those_of_the_normal_distribution(double probability, double expected) =>
        Assert.Equal(expected, NormalDistribution.Quantile(probability), Math.Abs(expected) * 3e-7 + 1e-300);

    [Fact]
    public void The_own_logarithm_agrees_with_the_library()
    {
        for (uint i = 0; i < 10_000; i++)
        {
            var value = (Philox.Block(i, 0, 0, 0, 4).X0 + 0.5) / 4294967296.0;
            Assert.Equal(Math.Log(value), NormalDistribution.Log(value), Math.Abs(Math.Log(value)) * 4e-16 + 2e-16);
        }
    }
}
