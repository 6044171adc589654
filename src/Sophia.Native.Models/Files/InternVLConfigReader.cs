using System.Runtime.InteropServices;

namespace Sophia.Native.Models.Files;

/// <summary>Turns config.json of either layout into an <see cref="InternVLConfig"/>; refuses every setting that the model would silently ignore.</summary>
internal static class InternVLConfigReader
{
    public const string FileName = "config.json";
    private const string GenerationFileName = "generation_config.json";

    public static InternVLConfig Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var file = Directory.Exists(path) ? Path.Combine(path, FileName) : path;
        var root = JsonSection.Load(file);
        var type = root.Text("model_type");
        var layout = type switch
        {
            "internvl_chat" => CheckpointLayout.Original,
            "internvl" => CheckpointLayout.HuggingFace,
            _ => throw root.Fault("model_type", $"expected \"internvl_chat\" or \"internvl\", found \"{type}\""),
        };
        var original = layout == CheckpointLayout.Original;
        var textKey = original ? "llm_config" : "text_config";
        const string TiedReason = "InternVL never shares the head with the embedding";
        root.RequireFlag("tie_word_embeddings", false, TiedReason);
        RequireSupported(root, original);

        var visionSection = root.Section("vision_config");
        var textSection = root.Section(textKey);
        textSection.RequireFlag("tie_word_embeddings", false, TiedReason);
        var vision = ReadVision(visionSection, original);
        var text = TextConfigReader.Read(textSection, original, ReadEndTokens(root, textSection, file));
        var config = new InternVLConfig
        {
            Vision = vision,
            Text = text,
            TileSize = root.Has("force_image_size") ? root.SquareSide("force_image_size") : vision.ImageSize,
            DownsampleRatio = root.OptionalNumber("downsample_ratio") ?? 0.5,
            Template = root.OptionalText("template") ?? "internvl2_5",
            SystemMessage = root.OptionalText("system_message"),
            // Where a key is missing, the original code takes the defaults of its class; the native layout keeps these settings in its processor, whose defaults are 12 tiles and a thumbnail.
            UseDynamicTiles = root.OptionalFlag("dynamic_image_size") ?? !original,
            MinDynamicPatch = root.OptionalInteger("min_dynamic_patch") ?? 1,
            MaxDynamicPatch = root.OptionalInteger("max_dynamic_patch") ?? (original ? 6 : 12),
            UseThumbnail = root.OptionalFlag("use_thumbnail") ?? !original,
            ImageTokenId = root.OptionalInteger("image_token_id"),
        };
        if (config.FindFault() is { } fault)
        {
            var section = fault.Section switch
            {
                ConfigSection.Vision => visionSection,
                ConfigSection.Text => textSection,
                _ => root,
            };
            throw section.Fault(fault.Key, fault.Message);
        }
        root.RequireInteger("image_seq_length", config.VisualTokensPerTile);
        return config;
    }

    private static void RequireSupported(JsonSection root, bool original)
    {
        if (original)
        {
            var version = root.OptionalText("ps_version") ?? "v1";
            if (version != "v2")
                throw root.Fault("ps_version", $"expected \"v2\", found \"{version}\"{(root.Has("ps_version") ? "" : " (the default where the key is missing)")}: version 1 transposes the visual tokens");
            root.RequireInteger("select_layer", -1);
            root.RequireFlag("pad2square", false, "tiles are not padded to squares");
            return;
        }
        root.RequireInteger("vision_feature_layer", -1);
        root.RequireText("vision_feature_select_strategy", "default");
        root.RequireText("projector_hidden_act", "gelu");
    }

    private static VisionConfig ReadVision(JsonSection section, bool original)
    {
        if (original) section.RequireText("model_type", "intern_vit_6b");
        else section.RequireText("model_type", "internvl_vision");
        section.RequireText("hidden_act", "gelu");
        section.RequireInteger("num_channels", 3);
        section.RequireFlag("use_moe", false, "mixtures of experts are not supported");
        section.RequireFlag("use_mask_token", false, "mask tokens are not supported");
        section.RequireFlag("use_absolute_position_embeddings", true, "the encoder has learned positions");
        section.RequireFlag("use_mean_pooling", true, "a final LayerNorm is not supported");
        var normalization = section.OptionalText("norm_type") ?? (original ? "rms_norm" : "layer_norm");
        var epsilon = section.OptionalNumber("layer_norm_eps") ?? 1e-6;
        return new VisionConfig
        {
            HiddenSize = section.Integer("hidden_size"),
            LayerCount = section.Integer("num_hidden_layers"),
            HeadCount = section.Integer("num_attention_heads"),
            FeedForwardSize = section.Integer("intermediate_size"),
            ImageSize = section.SquareSide("image_size"),
            PatchSize = section.SquareSide("patch_size"),
            Normalization = normalization switch
            {
                "layer_norm" => VisionNormalization.LayerNorm,
                "rms_norm" => VisionNormalization.RmsNorm,
                _ => throw section.Fault("norm_type", $"expected \"layer_norm\" or \"rms_norm\", found \"{normalization}\""),
            },
            HasQueryKeyValueBias = section.OptionalFlag(original ? "qkv_bias" : "attention_bias") ?? false,
            // The defaults where the key is missing are those of the respective class.
            HasQueryKeyNorm = section.OptionalFlag(original ? "qk_normalization" : "use_qk_norm") ?? original,
            NormEpsilon = epsilon,
            QueryKeyNormEpsilon = original ? epsilon : 1e-6,
            LayerScaleInitialValue = section.OptionalNumber(original ? "initializer_factor" : "layer_scale_init_value") ?? 0.1,
            InitializerRange = section.OptionalNumber("initializer_range") ?? 0.02,
        };
    }

    private static TokenIdList ReadEndTokens(JsonSection root, JsonSection text, string file)
    {
        var ids = new List<int>();
        text.AddTokenIds("eos_token_id", ids);
        root.AddTokenIds("eos_token_id", ids);
        var generation = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, GenerationFileName);
        if (File.Exists(generation)) JsonSection.Load(generation).AddTokenIds("eos_token_id", ids);
        return new TokenIdList(CollectionsMarshal.AsSpan(ids));
    }
}
