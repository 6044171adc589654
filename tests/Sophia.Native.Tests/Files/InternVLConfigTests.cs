using System.Text.Json.Nodes;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;

namespace Sophia.Native.Tests.Files;

public class InternVLConfigTests
{
    public static TheoryData<string, bool> SmallModels => new()
    {
        { nameof(CheckpointLayout.Original), false }, { nameof(CheckpointLayout.Original), true },
        { nameof(CheckpointLayout.HuggingFace), false }, { nameof(CheckpointLayout.HuggingFace), true },
    };

    [Theory]
    [MemberData(nameof(SmallModels))]
    public void What_was_written_is_read_back_equal(string layoutName, bool internLM2)
    {
        using var folder = new TemporaryFolder();
        var layout = Enum.Parse<CheckpointLayout>(layoutName);
        var config = internLM2 ? KnownModels.SmallInternLM2() : KnownModels.SmallQwen2();

        config.Write(folder.Path, layout, FileElementType.F32);

        Assert.Equal(config, InternVLConfig.Load(folder.Path));
        Assert.Equal(config, InternVLConfig.Load(folder.File("config.json")));
        Assert.Equal(["config.json"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData(CheckpointLayout.Original)]
    [InlineData(CheckpointLayout.HuggingFace)]
    public void A_tile_size_other_than_that_of_the_position_table_survives(CheckpointLayout layout)
    {
        using var folder = new TemporaryFolder();
        var config = KnownModels.SmallQwen2() with { TileSize = 20 };

        config.Write(folder.Path, layout);

        Assert.Equal(config, InternVLConfig.Load(folder.Path));
        Assert.Equal(25, config.VisualTokensPerTile);
        Assert.Equal(16, config.Vision.PatchCount);
    }

    [Theory]
    [InlineData("qwen2-vit300m")]
    [InlineData("qwen2-vit6b")]
    [InlineData("internlm2-vit300m")]
    public void Both_layouts_of_a_golden_model_describe_the_same_shapes(string name)
    {
        var original = InternVLConfig.Load(TestData.FullGolden($"models/{name}/original"));
        var native = InternVLConfig.Load(TestData.FullGolden($"models/{name}/hf"));

        Assert.Null(original.ImageTokenId);
        Assert.NotNull(native.ImageTokenId);
        Assert.Equal(4, original.VisualTokensPerTile);
        Assert.Equal(56, native.TileSize);
        Assert.Equal(name.StartsWith("qwen2", StringComparison.Ordinal) ? TextArchitecture.Qwen2 : TextArchitecture.InternLM2, native.Text.Architecture);
        Assert.Equal(name.EndsWith("6b", StringComparison.Ordinal) ? VisionNormalization.RmsNorm : VisionNormalization.LayerNorm, native.Vision.Normalization);
        Assert.Equal(name.EndsWith("6b", StringComparison.Ordinal), native.Vision.HasQueryKeyNorm);
        Assert.Equal(name == "internlm2-vit300m" ? 2.0 : null, native.Text.DynamicRopeFactor);
        Assert.Equal(name == "internlm2-vit300m" ? 1e-5 : 1e-6, original.Text.NormEpsilon);
        // Token ids differ between the files of a golden model, and the published vision range is no range.
        Assert.Equal(WithoutIds(original), WithoutIds(native));
    }

    private static InternVLConfig WithoutIds(InternVLConfig config) => config with
    {
        ImageTokenId = null,
        Vision = config.Vision with { InitializerRange = 0.02 },
        Text = config.Text with { BeginOfSequenceTokenId = null, PaddingTokenId = null, EndOfSequenceTokenIds = TokenIdList.Empty },
    };

    [Fact]
    public void End_tokens_are_gathered_from_the_decoder_the_model_and_the_generation_file()
    {
        using var folder = new TemporaryFolder();
        KnownModels.SmallQwen2().Write(folder.Path, CheckpointLayout.HuggingFace);
        folder.Write("generation_config.json", """{"eos_token_id": [5, 9], "max_new_tokens": 3}""");

        Assert.Equal([3, 5, 9], InternVLConfig.Load(folder.Path).Text.EndOfSequenceTokenIds);
    }

    [Fact]
    public void A_missing_norm_type_means_the_default_of_the_respective_class()
    {
        using var folder = new TemporaryFolder();
        foreach (var (layout, expected) in new[] { (CheckpointLayout.Original, VisionNormalization.RmsNorm), (CheckpointLayout.HuggingFace, VisionNormalization.LayerNorm) })
        {
            var file = Change(folder, layout, root => root["vision_config"]!.AsObject().Remove("norm_type"));
            Assert.Equal(expected, InternVLConfig.Load(file).Vision.Normalization);
        }
    }

    [Fact]
    public void Missing_tiling_settings_mean_the_defaults_of_the_respective_code()
    {
        using var folder = new TemporaryFolder();
        foreach (var (layout, dynamic, most, thumbnail) in new[] { (CheckpointLayout.Original, false, 6, false), (CheckpointLayout.HuggingFace, true, 12, true) })
        {
            var config = InternVLConfig.Load(Change(folder, layout, root =>
            {
                foreach (var key in new[] { "dynamic_image_size", "min_dynamic_patch", "max_dynamic_patch", "use_thumbnail", "template" }) root.Remove(key);
            }));
            Assert.Equal((dynamic, 1, most, thumbnail, "internvl2_5"), (config.UseDynamicTiles, config.MinDynamicPatch, config.MaxDynamicPatch, config.UseThumbnail, config.Template));
        }
    }

    /// <summary>transformers checks that a factor is a Python float, which 2 is not.</summary>
    [Theory]
    [InlineData(CheckpointLayout.HuggingFace, 2)]
    [InlineData(CheckpointLayout.Original, 1)]
    public void Whole_numbers_of_rope_are_written_as_floats(CheckpointLayout layout, int places)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("config.json");
        (Training.TinyModel.Config with { Text = Training.TinyModel.Config.Text with { DynamicRopeFactor = 2, RopeTheta = 1e6 } }).Write(path, layout);
        var text = File.ReadAllText(path);
        Assert.Equal(places, text.Split("\"factor\": 2.0").Length - 1);
        Assert.Equal(places, text.Split("\"rope_theta\": 1000000.0").Length - 1);
        Assert.Equal(places, text.Split("\"factor\"").Length - 1);
        Assert.Equal((2.0, 1e6), (InternVLConfig.Load(path).Text.DynamicRopeFactor, InternVLConfig.Load(path).Text.RopeTheta));
    }

    [Fact]
    public void Rope_is_read_in_the_spellings_of_transformers_4_and_5()
    {
        using var folder = new TemporaryFolder();
        foreach (var scaling in new[] { """{"type": "dynamic", "factor": 2.5}""", """{"rope_type": "dynamic", "factor": 2.5}""" })
        {
            var file = Change(folder, CheckpointLayout.HuggingFace, root =>
            {
                root["text_config"]!.AsObject().Remove("rope_parameters");
                root["text_config"]!["rope_scaling"] = JsonNode.Parse(scaling);
                root["text_config"]!["rope_theta"] = 5e7;
            });
            var text = InternVLConfig.Load(file).Text;
            Assert.Equal((5e7, 2.5), (text.RopeTheta, text.DynamicRopeFactor));
        }
        var parameters = Change(folder, CheckpointLayout.HuggingFace, root =>
        {
            root["text_config"]!.AsObject().Remove("rope_theta");
            root["text_config"]!["rope_parameters"] = JsonNode.Parse("""{"rope_type": "default", "rope_theta": 12345.0}""");
        });
        Assert.Equal((12345.0, null), (InternVLConfig.Load(parameters).Text.RopeTheta, InternVLConfig.Load(parameters).Text.DynamicRopeFactor));
    }

    [Theory]
    [InlineData("model_type", "\"qwen2_vl\"", "model_type")]
    [InlineData("ps_version", "\"v1\"", "ps_version")]
    [InlineData("ps_version", null, "ps_version")]
    [InlineData("select_layer", "-2", "select_layer")]
    [InlineData("tie_word_embeddings", "true", "tie_word_embeddings")]
    [InlineData("downsample_ratio", "0.25", "downsample_ratio")]
    [InlineData("force_image_size", "6", "force_image_size")]
    [InlineData("max_dynamic_patch", "0", "max_dynamic_patch")]
    [InlineData("image_token_id", "37", "image_token_id")]
    [InlineData("llm_config", "7", "llm_config")]
    [InlineData("llm_config", null, "llm_config")]
    [InlineData("llm_config.model_type", "\"llama\"", "llm_config.model_type")]
    [InlineData("llm_config.tie_word_embeddings", "true", "llm_config.tie_word_embeddings")]
    [InlineData("llm_config.hidden_act", "\"relu\"", "llm_config.hidden_act")]
    [InlineData("llm_config.hidden_size", "0", "llm_config.num_attention_heads|llm_config.hidden_size")]
    [InlineData("llm_config.hidden_size", "\"24\"", "llm_config.hidden_size")]
    [InlineData("llm_config.hidden_size", "99999999999", "llm_config.hidden_size")]
    [InlineData("llm_config.num_hidden_layers", "-1", "llm_config.num_hidden_layers")]
    [InlineData("llm_config.num_attention_heads", "5", "llm_config.num_attention_heads")]
    [InlineData("llm_config.num_attention_heads", "0", "llm_config.num_attention_heads")]
    [InlineData("llm_config.num_key_value_heads", "4", "llm_config.num_key_value_heads")]
    [InlineData("llm_config.head_dim", "3", "llm_config.head_dim")]
    [InlineData("llm_config.vocab_size", "100000000", "llm_config.vocab_size")]
    [InlineData("llm_config.rms_norm_eps", null, "llm_config.rms_norm_eps")]
    [InlineData("llm_config.rope_theta", null, "llm_config.rope_theta")]
    [InlineData("llm_config.rope_scaling", "{\"type\": \"yarn\", \"factor\": 2}", "llm_config.rope_scaling.type")]
    [InlineData("llm_config.rope_scaling", "{\"type\": \"dynamic\", \"factor\": 0.5}", "llm_config.rope_scaling.factor")]
    [InlineData("llm_config.use_sliding_window", "true", "llm_config.use_sliding_window")]
    [InlineData("llm_config.layer_types", "[\"full_attention\", \"sliding_attention\"]", "llm_config.layer_types")]
    [InlineData("vision_config.hidden_act", "\"gelu_pytorch_tanh\"", "vision_config.hidden_act")]
    [InlineData("vision_config.norm_type", "\"batch_norm\"", "vision_config.norm_type")]
    [InlineData("vision_config.num_attention_heads", "5", "vision_config.num_attention_heads")]
    [InlineData("vision_config.image_size", "9", "vision_config.image_size")]
    [InlineData("vision_config.image_size", "[8, 6]", "vision_config.image_size")]
    [InlineData("vision_config.num_channels", "1", "vision_config.num_channels")]
    [InlineData("vision_config.use_moe", "true", "vision_config.use_moe")]
    public void A_wrong_value_is_an_error_that_names_file_and_key(string key, string? json, string expectedKeys)
    {
        using var folder = new TemporaryFolder();
        var file = Change(folder, CheckpointLayout.Original, root =>
        {
            var steps = key.Split('.');
            JsonObject at = root;
            foreach (var step in steps[..^1]) at = at[step]!.AsObject();
            at.Remove(steps[^1]);
            if (json is not null) at[steps[^1]] = JsonNode.Parse(json);
        });

        var exception = Assert.Throws<InvalidDataException>(() => InternVLConfig.Load(file));

        Assert.Contains(expectedKeys.Split('|'), expected => exception.Message.StartsWith($"{file}: {expected}: ", StringComparison.Ordinal));
        Assert.DoesNotContain('\n', exception.Message);
    }

    [Theory]
    [InlineData("text_config.attention_bias", "true", "text_config.attention_bias")]
    [InlineData("text_config.model_type", "\"internlm2\"", "text_config.model_type")]
    [InlineData("image_seq_length", "256", "image_seq_length")]
    [InlineData("vision_feature_layer", "-2", "vision_feature_layer")]
    [InlineData("vision_feature_select_strategy", "\"full\"", "vision_feature_select_strategy")]
    [InlineData("projector_hidden_act", "\"relu\"", "projector_hidden_act")]
    [InlineData("vision_config.use_mean_pooling", "false", "vision_config.use_mean_pooling")]
    public void A_wrong_value_of_the_native_layout_names_file_and_key(string key, string json, string expected)
    {
        using var folder = new TemporaryFolder();
        KnownModels.SmallInternLM2().Write(folder.Path, CheckpointLayout.HuggingFace);
        var root = JsonNode.Parse(File.ReadAllText(folder.File("config.json")))!.AsObject();
        var steps = key.Split('.');
        (steps.Length == 1 ? root : root[steps[0]]!.AsObject())[steps[^1]] = JsonNode.Parse(json);
        var file = folder.Write("config.json", root.ToJsonString());

        var exception = Assert.Throws<InvalidDataException>(() => InternVLConfig.Load(file));

        Assert.StartsWith($"{file}: {expected}: ", exception.Message);
    }

    [Fact]
    public void Broken_json_is_reported_with_file_and_line()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("config.json", "{\n  \"model_type\": \"internvl_chat\",\n  oops\n}");

        Assert.StartsWith($"{file}:3: ", Assert.Throws<InvalidDataException>(() => InternVLConfig.Load(folder.Path)).Message);
        Assert.Throws<FileNotFoundException>(() => InternVLConfig.Load(folder.File("nothing.json")));
        folder.Write("config.json", "[1]");
        Assert.StartsWith($"{file}: ", Assert.Throws<InvalidDataException>(() => InternVLConfig.Load(folder.Path)).Message);
        folder.Write("config.json", """{"model_type": "internvl_chat", "template": "\ud800"}""");
        Assert.Contains("surrogate", Assert.Throws<InvalidDataException>(() => InternVLConfig.Load(folder.Path)).Message);
        folder.Write("config.json", """{"model_type": "internvl_chat", "model_type": "internvl"}""");
        Assert.Contains("model_type", Assert.Throws<InvalidDataException>(() => InternVLConfig.Load(folder.Path)).Message);
    }

    [Fact]
    public void A_contradictory_configuration_object_is_refused()
    {
        var config = KnownModels.SmallQwen2();

        Assert.Contains("num_key_value_heads", Assert.Throws<ArgumentException>(() => (config with { Text = config.Text with { KeyValueHeadCount = 4 } }).Validate()).Message);
        Assert.Contains("image_size", Assert.Throws<ArgumentException>(() => new ParameterLayout(config with { Vision = config.Vision with { ImageSize = 9 } })).Message);
        using var folder = new TemporaryFolder();
        var epsilon = KnownModels.SmallInternLM2() with { Vision = KnownModels.SmallInternLM2().Vision with { NormEpsilon = 1e-5 } };
        Assert.Throws<ArgumentException>(() => epsilon.Write(folder.Path, CheckpointLayout.Original));
        Assert.Empty(Directory.GetFiles(folder.Path));
        epsilon.Write(folder.Path, CheckpointLayout.HuggingFace);
        Assert.Equal(epsilon, InternVLConfig.Load(folder.Path));
    }

    [Fact]
    public void A_damaged_file_is_read_or_refused_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        KnownModels.SmallInternLM2().Write(folder.Path, CheckpointLayout.Original);
        var whole = File.ReadAllBytes(folder.File("config.json"));
        var refused = 0;
        for (uint round = 0; round < 1500; round++)
        {
            var bytes = whole.ToArray();
            var (position, value, kind, _) = Philox.Block(round, 0, 0, 0, 11);
            ReadOnlySpan<byte> letters = "0-{}[]\",:ntx9\\e.\u0001\xff"u8;
            bytes[position % (uint)bytes.Length] = letters[(int)(value % (uint)letters.Length)];
            File.WriteAllBytes(folder.File("config.json"), kind % 8 == 0 ? bytes[..(int)(position % (uint)bytes.Length)] : bytes);
            try
            {
                InternVLConfig.Load(folder.Path).Validate();
            }
            catch (InvalidDataException exception)
            {
                Assert.StartsWith(folder.File("config.json"), exception.Message);
                refused++;
            }
        }
        Assert.InRange(refused, 500, 1499);
    }

    private static string Change(TemporaryFolder folder, CheckpointLayout layout, Action<JsonObject> change)
    {
        KnownModels.SmallQwen2().Write(folder.Path, layout);
        var root = JsonNode.Parse(File.ReadAllText(folder.File("config.json")))!.AsObject();
        change(root);
        return folder.Write("config.json", root.ToJsonString());
    }
}
