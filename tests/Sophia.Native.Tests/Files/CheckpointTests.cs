using Sophia.Native.Models;
using Sophia.Native.Models.Files;

namespace Sophia.Native.Tests.Files;

public class CheckpointTests
{
    private static readonly string[] GoldenModels = ["qwen2-vit300m", "qwen2-vit6b", "internlm2-vit300m"];

    public static TheoryData<string, CheckpointLayout, CheckpointLayout, long> GoldenWays()
    {
        var ways = new TheoryData<string, CheckpointLayout, CheckpointLayout, long>();
        foreach (var model in GoldenModels)
        {
            foreach (var from in Enum.GetValues<CheckpointLayout>())
            {
                foreach (var to in Enum.GetValues<CheckpointLayout>())
                {
                    ways.Add(model, from, to, long.MaxValue);
                    ways.Add(model, from, to, 300_000);
                }
            }
        }
        return ways;
    }

    [Theory]
    [MemberData(nameof(GoldenWays))]
    public void A_golden_checkpoint_read_in_one_layout_is_written_in_either_bit_for_bit(string model, CheckpointLayout from, CheckpointLayout to, long maxShardBytes)
    {
        using var folder = new TemporaryFolder();
        var source = Golden(model, from);
        var config = InternVLConfig.Load(source);
        var layout = new ParameterLayout(config);
        var values = new ParameterArray(layout);

        Assert.Equal(from, CheckpointReader.Read(source, layout, values));
        values.AssertComplete();
        CheckpointWriter.Write(folder.Path, layout, to, FileElementType.BF16, values, maxShardBytes);

        Assert.Equal(config, InternVLConfig.Load(folder.Path));
        using var written = SafetensorsFolder.Open(folder.Path);
        using var golden = SafetensorsFolder.Open(Golden(model, to));
        Assert.Equal(maxShardBytes == long.MaxValue, written.Files.Count == 1);
        Assert.Equal(golden.Tensors.Keys.Order(StringComparer.Ordinal), written.Tensors.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, expected) in golden.Tensors)
        {
            var found = written.Tensors[name];
            Assert.Equal(expected.Shape, found.Shape);
            Assert.Equal(expected.Type, found.Type);
            Assert.True(Bytes(expected).AsSpan().SequenceEqual(Bytes(found)), name);
        }
    }

    public static TheoryData<bool, CheckpointLayout> SmallModels => new()
    {
        { false, CheckpointLayout.Original }, { false, CheckpointLayout.HuggingFace }, { true, CheckpointLayout.Original }, { true, CheckpointLayout.HuggingFace },
    };

    [Theory]
    [MemberData(nameof(SmallModels))]
    public void What_was_written_is_read_back(bool internLM2, CheckpointLayout checkpointLayout)
    {
        var layout = new ParameterLayout(internLM2 ? KnownModels.SmallInternLM2() : KnownModels.SmallQwen2());
        var values = ParameterArray.Numbered(layout);
        foreach (var type in new[] { FileElementType.F32, FileElementType.BF16 })
        {
            using var folder = new TemporaryFolder();
            CheckpointWriter.Write(folder.Path, layout, checkpointLayout, type, values, maxShardBytes: 2000);
            var back = new ParameterArray(layout);
            Assert.Equal(checkpointLayout, CheckpointReader.Read(folder.Path, InternVLConfig.Load(folder.Path), back));
            back.AssertComplete();
            back.AssertBitsEqual(values);
        }
    }

    [Fact]
    public void Large_matrices_pass_in_bounded_pieces()
    {
        var config = KnownModels.SmallQwen2();
        config = config with { Text = config.Text with { VocabularySize = 50_001, FeedForwardSize = 30_001, LayerCount = 1 } };
        var layout = new ParameterLayout(config);
        var values = ParameterArray.Numbered(layout);
        using var folder = new TemporaryFolder();
        var back = new ParameterArray(layout);

        CheckpointWriter.Write(folder.Path, layout, CheckpointLayout.HuggingFace, FileElementType.BF16, values);
        CheckpointReader.Read(folder.Path, layout, back);

        back.AssertComplete();
        back.AssertBitsEqual(values);
        Assert.True(back.Calls > layout.Parameters.Count);
        Assert.InRange(back.LargestCall, 1, 1 << 20);
    }

    [Fact]
    public void The_packed_rows_of_InternLM2_lie_where_the_formula_says()
    {
        var config = KnownModels.SmallInternLM2();
        var layout = new ParameterLayout(config);
        var values = ParameterArray.Numbered(layout);
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, layout, CheckpointLayout.Original, FileElementType.F32, values);
        using var files = SafetensorsFolder.Open(folder.Path);
        var (heads, keyValueHeads, size, columns) = (6, 2, 4, 18);
        var group = heads / keyValueHeads;
        var canonical = values.Of("decoder.layers.1.qkv.weight");
        var packed = new float[(heads + 2 * keyValueHeads) * size * columns];
        files.Tensors["language_model.model.layers.1.attention.wqkv.weight"].ReadFloats(0, packed);

        for (var e = 0; e < size; e++)
        {
            for (var head = 0; head < heads; head++) Check(head * size + e, head / group * (group + 2) * size + head % group * size + e, canonical);
            for (var head = 0; head < keyValueHeads; head++)
            {
                Check((heads + head) * size + e, head * (group + 2) * size + group * size + e, canonical);
                Check((heads + keyValueHeads + head) * size + e, head * (group + 2) * size + (group + 1) * size + e, canonical);
            }
        }

        void Check(int canonicalRow, int packedRow, Span<float> canonical) =>
            Assert.Equal(canonical.Slice(canonicalRow * columns, columns).ToArray(), packed.AsSpan(packedRow * columns, columns).ToArray());
    }

    [Fact]
    public void Every_element_lies_in_exactly_one_place()
    {
        foreach (var config in new[] { KnownModels.SmallQwen2(), KnownModels.SmallInternLM2() })
        {
            var layout = new ParameterLayout(config);
            foreach (var checkpointLayout in Enum.GetValues<CheckpointLayout>())
            {
                var map = new CheckpointMap(layout, checkpointLayout);
                var count = new int[layout.ElementCount];
                foreach (var tensor in map.Tensors)
                {
                    Assert.Equal(tensor.Shape.Aggregate((a, b) => a * b), tensor.ElementCount);
                    foreach (var part in tensor.Parts)
                    {
                        for (long i = 0; i < part.ElementCount; i++) count[part.Parameter.Offset + part.FirstElement + i]++;
                        if (part.Parameter.Rows > 1) Assert.Equal((0, 0), (part.FirstElement % part.Parameter.Columns, part.ElementCount % part.Parameter.Columns));
                    }
                }
                Assert.Equal(layout.ParameterCount, count.Sum());
                Assert.Equal(1, count.Max());
                foreach (var parameter in layout.Parameters)
                {
                    long next = 0;
                    foreach (var part in map[parameter])
                    {
                        Assert.Equal(next, part.FirstElement);
                        next += part.ElementCount;
                    }
                    Assert.Equal(parameter.Length, next);
                    // Decay follows the dimensions in the file.
                    Assert.All(map[parameter], part => Assert.Equal(part.Tensor.Shape.Count >= 2, parameter.Decays));
                }
            }
        }
    }

    [Fact]
    public void Every_known_spelling_and_any_mixture_is_read()
    {
        var layout = new ParameterLayout(KnownModels.SmallQwen2());
        var values = ParameterArray.Numbered(layout);
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, layout, CheckpointLayout.HuggingFace, FileElementType.F32, values);

        foreach (var rename in new Func<string, int, string>[] { (name, _) => InMemory(name), (name, index) => index % 3 == 0 ? InMemory(name) : index % 3 == 1 ? "model." + name : name })
        {
            using var renamed = new TemporaryFolder();
            Rewrite(folder.Path, renamed.Path, rename);
            using (var files = SafetensorsFolder.Open(renamed.Path)) Assert.Contains("lm_head.weight", string.Join(' ', files.Tensors.Keys));
            var back = new ParameterArray(layout);
            Assert.Equal(CheckpointLayout.HuggingFace, CheckpointReader.Read(renamed.Path, layout, back));
            back.AssertBitsEqual(values);
        }

        static string InMemory(string name) =>
            name == "language_model.lm_head.weight" ? "lm_head.weight"
            : name.StartsWith("language_model.model.", StringComparison.Ordinal) ? "model.language_model." + name["language_model.model.".Length..]
            : "model." + name;
    }

    [Fact]
    public void Missing_unknown_and_misshapen_tensors_are_named_before_any_data_is_read()
    {
        var layout = new ParameterLayout(KnownModels.SmallQwen2());
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, layout, CheckpointLayout.HuggingFace, FileElementType.F32, ParameterArray.Numbered(layout));
        using var broken = new TemporaryFolder();
        Rewrite(folder.Path, broken.Path, (name, _) => name.Replace("lm_head", "lm_heap"));
        var sink = new ParameterArray(layout);

        var message = Assert.Throws<InvalidDataException>(() => CheckpointReader.Read(broken.Path, layout, sink)).Message;
        Assert.StartsWith(broken.Path + ":", message);
        Assert.Contains("missing tensor \"language_model.lm_head.weight\"", message);
        Assert.Contains("unknown tensor \"language_model.lm_heap.weight\"", message);
        Assert.Contains("2 differences", message);
        Assert.DoesNotContain('\n', message);

        var wider = layout.Config with { Text = layout.Config.Text with { VocabularySize = 38 } };
        message = Assert.Throws<InvalidDataException>(() => CheckpointReader.Read(folder.Path, wider, sink)).Message;
        Assert.Contains("\"language_model.lm_head.weight\" has shape [37, 24], expected [38, 24]", message);

        var deeper = layout.Config with { Text = layout.Config.Text with { LayerCount = 4 } };
        message = Assert.Throws<InvalidDataException>(() => CheckpointReader.Read(folder.Path, deeper, sink)).Message;
        Assert.Contains("12 differences", message);
        Assert.Contains("and 2 more", message);
        Assert.Equal(10, message.Split("missing tensor").Length - 1);

        var intern = new ParameterLayout(KnownModels.SmallInternLM2());
        Assert.Contains("differences", Assert.Throws<InvalidDataException>(() => CheckpointReader.Read(folder.Path, intern, new ParameterArray(intern))).Message);
        Assert.Equal(0, sink.Calls);
        Assert.Throws<FileNotFoundException>(() => CheckpointReader.Read(folder.File("nowhere"), layout, sink));
    }

    [Fact]
    public void The_same_tensor_under_two_spellings_and_integers_for_weights_are_errors()
    {
        var layout = new ParameterLayout(KnownModels.SmallQwen2());
        using var folder = new TemporaryFolder();
        CheckpointWriter.Write(folder.Path, layout, CheckpointLayout.HuggingFace, FileElementType.F32, ParameterArray.Numbered(layout));
        using var broken = new TemporaryFolder();
        Rewrite(folder.Path, broken.Path, (name, _) => name, new("lm_head.weight", FileElementType.F32, [37, 24]));
        Assert.Contains("twice, as \"language_model.lm_head.weight\" and \"lm_head.weight\"", Assert.Throws<InvalidDataException>(() => CheckpointReader.Read(broken.Path, layout, new ParameterArray(layout))).Message);

        using var integers = new TemporaryFolder();
        Rewrite(folder.Path, integers.Path, (name, _) => name == "language_model.lm_head.weight" ? "?" : name, new("language_model.lm_head.weight", FileElementType.I32, [37, 24]));
        Assert.Contains("\"language_model.lm_head.weight\" holds I32", Assert.Throws<InvalidDataException>(() => CheckpointReader.Read(integers.Path, layout, new ParameterArray(layout))).Message);
    }

    [Fact]
    public void A_save_type_that_would_lose_more_than_bfloat16_is_refused()
    {
        var layout = new ParameterLayout(KnownModels.SmallQwen2());
        using var folder = new TemporaryFolder();
        Assert.Throws<ArgumentException>(() => CheckpointWriter.Write(folder.Path, layout, CheckpointLayout.Original, FileElementType.F8_E4M3, new ParameterArray(layout)));
        Assert.Throws<ArgumentException>(() => CheckpointWriter.Write(folder.Path, layout, CheckpointLayout.Original, FileElementType.I32, new ParameterArray(layout)));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    private static string Golden(string model, CheckpointLayout layout) =>
        TestData.FullGolden($"models/{model}/{(layout == CheckpointLayout.Original ? "original" : "hf")}");

    private static byte[] Bytes(SafetensorsTensor tensor)
    {
        var bytes = new byte[tensor.ByteCount];
        tensor.ReadBytes(0, bytes);
        return bytes;
    }

    /// <summary>Copies a checkpoint under other tensor names, with one more tensor of zeros where given.</summary>
    private static void Rewrite(string from, string to, Func<string, int, string> rename, SafetensorsDeclaration? extra = null)
    {
        using var files = SafetensorsFolder.Open(from);
        var tensors = files.Tensors.Values.OrderBy(tensor => tensor.Name, StringComparer.Ordinal).Select((tensor, index) => (Tensor: tensor, Name: rename(tensor.Name, index))).ToList();
        var declarations = tensors.Select(item => new SafetensorsDeclaration(item.Name, item.Tensor.Type, item.Tensor.Shape)).ToList();
        if (extra is not null) declarations.Add(extra);
        using var writer = SafetensorsWriter.Create(Path.Combine(to, "model.safetensors"), declarations);
        foreach (var (tensor, name) in tensors) writer.Write(name, Bytes(tensor));
        if (extra is not null) writer.Write(extra.Name, new byte[extra.ByteCount]);
        writer.Commit();
    }
}
