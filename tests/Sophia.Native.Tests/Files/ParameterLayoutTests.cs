using Sophia.Native.Models;

namespace Sophia.Native.Tests.Files;

public class ParameterLayoutTests
{
    public static TheoryData<string, long> PublishedTotals => new()
    {
        { "InternVL2_5-1B", 938_193_024 }, { "InternVL2_5-2B", 2_205_754_368 }, { "InternVL2_5-4B", 3_712_637_952 }, { "InternVL2_5-8B", 8_075_365_376 },
        { "InternVL2_5-26B", 25_514_186_112 }, { "InternVL2_5-38B", 38_388_164_992 }, { "InternVL2_5-78B", 78_408_318_336 },
        { "InternVL3-2B", 2_088_957_440 }, { "InternVL3-8B", 7_944_373_760 }, { "InternVL3-14B", 15_117_256_704 },
    };

    private static InternVLConfig Published(string name) => name switch
    {
        "InternVL2_5-1B" => KnownModels.Model(KnownModels.Vision300M, KnownModels.Qwen2(896, 24, 14, 2, 4864)),
        "InternVL2_5-2B" => KnownModels.Model(KnownModels.Vision300M, KnownModels.InternLM2(2048, 24, 16, 8192)),
        "InternVL2_5-4B" => KnownModels.Model(KnownModels.Vision300M, KnownModels.Qwen2(2048, 36, 16, 2, 11008)),
        "InternVL2_5-8B" => KnownModels.Model(KnownModels.Vision300M, KnownModels.InternLM2(4096, 32, 32, 14336)),
        "InternVL2_5-26B" => KnownModels.Model(KnownModels.Vision6B, KnownModels.InternLM2(6144, 48, 48, 16384)),
        "InternVL2_5-38B" => KnownModels.Model(KnownModels.Vision6B, KnownModels.Qwen2(5120, 64, 40, 8, 27648)),
        "InternVL2_5-78B" => KnownModels.Model(KnownModels.Vision6B, KnownModels.Qwen2(8192, 80, 64, 8, 29568)),
        "InternVL3-2B" => KnownModels.Model(KnownModels.Vision300M, KnownModels.Qwen2(1536, 28, 12, 2, 8960)),
        "InternVL3-8B" => KnownModels.Model(KnownModels.Vision300M, KnownModels.Qwen2(3584, 28, 28, 4, 18944)),
        "InternVL3-14B" => KnownModels.Model(KnownModels.Vision300M, KnownModels.Qwen2(5120, 48, 40, 8, 13824)),
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    };

    [Theory]
    [MemberData(nameof(PublishedTotals))]
    public void The_published_models_have_their_published_sizes(string name, long total)
    {
        var layout = new ParameterLayout(Published(name));

        Assert.Equal(total, layout.ParameterCount);
        Assert.Equal(name.Contains("26B") || name.Contains("38B") || name.Contains("78B") ? 5_536_496_000 : 304_012_288, layout.CountOf(ParameterGroup.Vision));
        Assert.Equal(total, layout.CountOf(ParameterGroup.Vision) + layout.CountOf(ParameterGroup.Projector) + layout.CountOf(ParameterGroup.Decoder));
        Assert.Equal(256, layout.Config.VisualTokensPerTile);
    }

    [Theory]
    [InlineData("InternVL2_5-1B", 4_482_816)]
    [InlineData("InternVL3-8B", 27_540_480)]
    [InlineData("InternVL2_5-8B", 33_570_816)]
    [InlineData("InternVL2_5-38B", 91_786_240)]
    public void The_projectors_have_their_published_sizes(string name, long count) =>
        Assert.Equal(count, new ParameterLayout(Published(name)).CountOf(ParameterGroup.Projector));

    [Fact]
    public void The_configurations_in_the_repository_have_the_sizes_in_their_names()
    {
        var small = InternVLConfig.Load(KnownModels.RepositoryFile("models/internvl3-nano.json"));
        var one = InternVLConfig.Load(KnownModels.RepositoryFile("models/internvl3-1b.json"));

        Assert.Equal(938_193_024, new ParameterLayout(one).ParameterCount);
        Assert.Equal(Published("InternVL2_5-1B").Vision, one.Vision);
        Assert.Equal(2.0, one.Text.DynamicRopeFactor);
        Assert.InRange(new ParameterLayout(small).ParameterCount, 39_500_000, 40_500_000);
        foreach (var config in new[] { small, one })
        {
            Assert.Equal(151674, config.Text.VocabularySize);
            Assert.Equal([151645, 151643], config.Text.EndOfSequenceTokenIds);
            Assert.Equal(256, config.VisualTokensPerTile);
        }
    }

    [Fact]
    public void Parameters_are_aligned_and_do_not_overlap_and_segments_tile_the_arena()
    {
        foreach (var config in new[] { KnownModels.SmallQwen2(), KnownModels.SmallInternLM2() })
        {
            var layout = new ParameterLayout(config);
            long end = 0, count = 0;
            foreach (var parameter in layout.Parameters)
            {
                Assert.Equal(0, parameter.Offset % 16);
                Assert.InRange(parameter.Offset, end, end + 15);
                end = parameter.Offset + parameter.Length;
                count += parameter.Length;
                Assert.Same(parameter, layout[parameter.Name]);
                var segment = Assert.Single(layout.Segments, segment => parameter.Offset >= segment.Offset && end <= segment.Offset + segment.Length);
                Assert.Equal((parameter.Group, parameter.Decays), (segment.Group, segment.Decays));
            }
            Assert.Equal(count, layout.ParameterCount);
            Assert.InRange(layout.ElementCount, end, end + 15);
            Assert.Equal(0, layout.ElementCount % 16);

            long next = 0;
            foreach (var segment in layout.Segments)
            {
                Assert.Equal(next, segment.Offset);
                next += segment.Length;
            }
            Assert.Equal(layout.ElementCount, next);
            Assert.Equal(6, layout.Segments.Select(segment => (segment.Group, segment.Decays)).Distinct().Count());
            Assert.Equal(layout.Segments[0].Length + layout.Segments[1].Length, layout.RangeOf(ParameterGroup.Projector).Offset);
            Assert.Equal(layout.ElementCount, Enum.GetValues<ParameterGroup>().Sum(group => layout.RangeOf(group).Length));
        }
    }

    [Fact]
    public void Whatever_has_two_dimensions_in_the_file_decays()
    {
        var layout = new ParameterLayout(KnownModels.SmallQwen2());

        foreach (var name in new[] { "vision.class_token", "vision.positions", "vision.patch.weight", "vision.layers.0.qkv.weight", "projector.fc1.weight", "decoder.embedding", "decoder.head.weight", "decoder.layers.2.gate_up.weight" })
            Assert.True(layout[name].Decays, name);
        foreach (var name in new[] { "vision.patch.bias", "vision.layers.1.scale2", "vision.layers.0.norm1.weight", "vision.layers.0.norm1.bias", "projector.norm.weight", "decoder.layers.0.qkv.bias", "decoder.norm.weight" })
            Assert.False(layout[name].Decays, name);
        Assert.False(layout.TryFind("vision.layers.0.query_norm.weight", out _));
        Assert.Throws<KeyNotFoundException>(() => layout["decoder.layers.3.norm1.weight"]);
    }

    [Fact]
    public void Shapes_are_the_canonical_ones()
    {
        var qwen = new ParameterLayout(KnownModels.SmallQwen2());
        var intern = new ParameterLayout(KnownModels.SmallInternLM2());

        Assert.Equal((12, 12), Shape(qwen, "vision.patch.weight"));
        Assert.Equal((17, 12), Shape(qwen, "vision.positions"));
        Assert.Equal((36, 12), Shape(qwen, "vision.layers.1.qkv.weight"));
        Assert.Equal((1, 36), Shape(qwen, "vision.layers.1.qkv.bias"));
        Assert.Equal((24, 48), Shape(qwen, "projector.fc1.weight"));
        Assert.Equal((40, 24), Shape(qwen, "decoder.layers.0.qkv.weight"));
        Assert.Equal((1, 40), Shape(qwen, "decoder.layers.0.qkv.bias"));
        Assert.Equal((56, 24), Shape(qwen, "decoder.layers.0.gate_up.weight"));
        Assert.Equal((24, 28), Shape(qwen, "decoder.layers.0.down.weight"));
        Assert.Equal((37, 24), Shape(qwen, "decoder.head.weight"));
        Assert.Equal((1, 10), Shape(intern, "vision.layers.0.query_norm.weight"));
        Assert.Equal((40, 18), Shape(intern, "decoder.layers.1.qkv.weight"));
        Assert.Equal((18, 24), Shape(intern, "decoder.layers.1.output.weight"));
        Assert.False(intern.TryFind("decoder.layers.0.qkv.bias", out _));
        Assert.False(intern.TryFind("vision.layers.0.norm1.bias", out _));
        Assert.False(intern.TryFind("vision.layers.0.qkv.bias", out _));
    }

    private static (int Rows, int Columns) Shape(ParameterLayout layout, string name) => (layout[name].Rows, layout[name].Columns);
}
