using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Models.Files;

/// <summary>Writes config.json in either layout, with what the respective code base expects to find.</summary>
internal static class InternVLConfigWriter
{
    public static void Write(InternVLConfig config, string path, CheckpointLayout layout, FileElementType elementType)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        config.Validate();
        var file = path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? path : Path.Combine(path, InternVLConfigReader.FileName);
        var type = elementType.TorchName();
        ThrowIfInexpressible(config, layout);
        var original = layout == CheckpointLayout.Original;
        AtomicFile.Write(file, stream =>
        {
            // The relaxed encoder keeps a Chinese system message readable; the file is not embedded in HTML.
            using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
            json.WriteStartObject();
            if (original) WriteOriginal(json, config, type);
            else WriteHuggingFace(json, config, type);
            json.WriteEndObject();
            json.Flush();
            stream.WriteByte((byte)'\n');
        });
    }

    /// <summary>Checks that the layout exists and has a place for every value.</summary>
    public static void ThrowIfInexpressible(InternVLConfig config, CheckpointLayout layout)
    {
        if (!Enum.IsDefined(layout)) throw new ArgumentOutOfRangeException(nameof(layout), layout, "Not a layout.");
        var implied = layout == CheckpointLayout.Original ? config.Vision.NormEpsilon : 1e-6;
        if (config.Vision.HasQueryKeyNorm && config.Vision.QueryKeyNormEpsilon != implied)
            throw new ArgumentException(FormattableString.Invariant($"The {layout} layout implies an epsilon of {implied} for the query and key norms; this model has {config.Vision.QueryKeyNormEpsilon}. Write the other layout."), nameof(layout));
    }

    private static void WriteOriginal(Utf8JsonWriter json, InternVLConfig config, string type)
    {
        WriteArchitecture(json, "InternVLChatModel", "internvl_chat");
        json.WriteNumber("downsample_ratio", config.DownsampleRatio);
        json.WriteString("ps_version", "v2");
        json.WriteNumber("select_layer", -1);
        json.WriteBoolean("pad2square", false);
        WriteTiling(json, config);
        json.WriteNumber("force_image_size", config.TileSize);
        if (config.ImageTokenId is { } id) json.WriteNumber("image_token_id", id);
        json.WriteBoolean("tie_word_embeddings", false);
        json.WriteString("torch_dtype", type);

        json.WriteStartObject("llm_config");
        var text = config.Text;
        if (text.Architecture == TextArchitecture.Qwen2)
        {
            WriteArchitecture(json, "Qwen2ForCausalLM", "qwen2");
            json.WriteBoolean("use_sliding_window", false);
        }
        else
        {
            WriteArchitecture(json, "InternLM2ForCausalLM", "internlm2");
            json.WriteBoolean("bias", false);
        }
        WriteText(json, text, alwaysHeadSize: false);
        WriteReal(json, "rope_theta", text.RopeTheta);
        if (text.DynamicRopeFactor is { } factor)
        {
            // "type" is the key of the remote code, "rope_type" that of later transformers; each ignores the other's.
            json.WriteStartObject("rope_scaling");
            json.WriteString("type", "dynamic");
            json.WriteString("rope_type", "dynamic");
            WriteReal(json, "factor", factor);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("rope_scaling");
        }
        json.WriteString("torch_dtype", type);
        json.WriteEndObject();

        json.WriteStartObject("vision_config");
        WriteArchitecture(json, "InternVisionModel", "intern_vit_6b");
        WriteVision(json, config.Vision);
        json.WriteNumber("image_size", config.Vision.ImageSize);
        json.WriteNumber("patch_size", config.Vision.PatchSize);
        json.WriteBoolean("qkv_bias", config.Vision.HasQueryKeyValueBias);
        json.WriteBoolean("qk_normalization", config.Vision.HasQueryKeyNorm);
        json.WriteNumber("initializer_factor", config.Vision.LayerScaleInitialValue);
        json.WriteString("torch_dtype", type);
        json.WriteEndObject();
    }

    private static void WriteHuggingFace(Utf8JsonWriter json, InternVLConfig config, string type)
    {
        WriteArchitecture(json, "InternVLForConditionalGeneration", "internvl");
        json.WriteNumber("downsample_ratio", config.DownsampleRatio);
        json.WriteString("projector_hidden_act", "gelu");
        json.WriteNumber("vision_feature_layer", -1);
        json.WriteString("vision_feature_select_strategy", "default");
        json.WriteNumber("image_seq_length", config.VisualTokensPerTile);
        if (config.ImageTokenId is { } id) json.WriteNumber("image_token_id", id);
        WriteTiling(json, config);
        if (config.TileSize != config.Vision.ImageSize) json.WriteNumber("force_image_size", config.TileSize);
        json.WriteBoolean("tie_word_embeddings", false);
        json.WriteString("torch_dtype", type);

        json.WriteStartObject("text_config");
        var text = config.Text;
        var qwen = text.Architecture == TextArchitecture.Qwen2;
        if (qwen)
        {
            WriteArchitecture(json, "Qwen2ForCausalLM", "qwen2");
            json.WriteBoolean("use_sliding_window", false);
        }
        else
        {
            WriteArchitecture(json, "LlamaForCausalLM", "llama");
            json.WriteBoolean("attention_bias", false);
            json.WriteBoolean("mlp_bias", false);
        }
        WriteText(json, text, alwaysHeadSize: !qwen);
        // Both spellings: transformers 5 reads rope_parameters, transformers 4 the pair beside it.
        WriteReal(json, "rope_theta", text.RopeTheta);
        json.WriteStartObject("rope_parameters");
        json.WriteString("rope_type", text.DynamicRopeFactor is null ? "default" : "dynamic");
        WriteReal(json, "rope_theta", text.RopeTheta);
        if (text.DynamicRopeFactor is { } factor) WriteReal(json, "factor", factor);
        json.WriteEndObject();
        if (text.DynamicRopeFactor is { } scalingFactor)
        {
            json.WriteStartObject("rope_scaling");
            json.WriteString("rope_type", "dynamic");
            WriteReal(json, "factor", scalingFactor);
            json.WriteEndObject();
        }
        json.WriteEndObject();

        json.WriteStartObject("vision_config");
        WriteArchitecture(json, "InternVLVisionModel", "internvl_vision");
        WriteVision(json, config.Vision);
        WritePair(json, "image_size", config.Vision.ImageSize);
        WritePair(json, "patch_size", config.Vision.PatchSize);
        json.WriteBoolean("attention_bias", config.Vision.HasQueryKeyValueBias);
        json.WriteBoolean("use_qk_norm", config.Vision.HasQueryKeyNorm);
        json.WriteNumber("layer_scale_init_value", config.Vision.LayerScaleInitialValue);
        json.WriteBoolean("use_absolute_position_embeddings", true);
        json.WriteBoolean("use_mask_token", false);
        json.WriteBoolean("use_mean_pooling", true);
        json.WriteEndObject();
    }

    private static void WriteArchitecture(Utf8JsonWriter json, string architecture, string modelType)
    {
        json.WriteStartArray("architectures");
        json.WriteStringValue(architecture);
        json.WriteEndArray();
        json.WriteString("model_type", modelType);
    }

    private static void WriteTiling(Utf8JsonWriter json, InternVLConfig config)
    {
        json.WriteString("template", config.Template);
        if (config.SystemMessage is { } message) json.WriteString("system_message", message);
        json.WriteBoolean("dynamic_image_size", config.UseDynamicTiles);
        json.WriteNumber("min_dynamic_patch", config.MinDynamicPatch);
        json.WriteNumber("max_dynamic_patch", config.MaxDynamicPatch);
        json.WriteBoolean("use_thumbnail", config.UseThumbnail);
    }

    private static void WriteText(Utf8JsonWriter json, TextConfig text, bool alwaysHeadSize)
    {
        json.WriteNumber("hidden_size", text.HiddenSize);
        json.WriteNumber("num_hidden_layers", text.LayerCount);
        json.WriteNumber("num_attention_heads", text.HeadCount);
        json.WriteNumber("num_key_value_heads", text.KeyValueHeadCount);
        if (alwaysHeadSize || text.HeadSize * text.HeadCount != text.HiddenSize) json.WriteNumber("head_dim", text.HeadSize);
        json.WriteNumber("intermediate_size", text.FeedForwardSize);
        json.WriteNumber("vocab_size", text.VocabularySize);
        json.WriteString("hidden_act", "silu");
        json.WriteNumber("rms_norm_eps", text.NormEpsilon);
        json.WriteNumber("max_position_embeddings", text.MaxPositionEmbeddings);
        if (text.RopeLength is { } length) json.WriteNumber("rope_length", length);
        json.WriteNumber("initializer_range", text.InitializerRange);
        json.WriteNumber("attention_dropout", 0.0);
        json.WriteBoolean("tie_word_embeddings", false);
        if (text.BeginOfSequenceTokenId is { } begin) json.WriteNumber("bos_token_id", begin);
        if (text.PaddingTokenId is { } padding) json.WriteNumber("pad_token_id", padding);
        if (text.EndOfSequenceTokenIds.Count == 1)
        {
            json.WriteNumber("eos_token_id", text.EndOfSequenceTokenIds[0]);
        }
        else if (text.EndOfSequenceTokenIds.Count > 1)
        {
            json.WriteStartArray("eos_token_id");
            foreach (var end in text.EndOfSequenceTokenIds) json.WriteNumberValue(end);
            json.WriteEndArray();
        }
    }

    private static void WriteVision(Utf8JsonWriter json, VisionConfig vision)
    {
        json.WriteNumber("hidden_size", vision.HiddenSize);
        json.WriteNumber("num_hidden_layers", vision.LayerCount);
        json.WriteNumber("num_attention_heads", vision.HeadCount);
        json.WriteNumber("intermediate_size", vision.FeedForwardSize);
        json.WriteNumber("num_channels", 3);
        json.WriteString("hidden_act", "gelu");
        json.WriteString("norm_type", vision.Normalization == VisionNormalization.LayerNorm ? "layer_norm" : "rms_norm");
        json.WriteNumber("layer_norm_eps", vision.NormEpsilon);
        json.WriteNumber("initializer_range", vision.InitializerRange);
        json.WriteNumber("attention_dropout", 0.0);
    }

    /// <summary>A number with a point or an exponent, which Python reads as a float: transformers warns of a whole factor.</summary>
    private static void WriteReal(Utf8JsonWriter json, string key, double value)
    {
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        json.WritePropertyName(key);
        json.WriteRawValue(text.AsSpan().ContainsAny('.', 'E') ? text : text + ".0");
    }

    private static void WritePair(Utf8JsonWriter json, string key, int side)
    {
        json.WriteStartArray(key);
        json.WriteNumberValue(side);
        json.WriteNumberValue(side);
        json.WriteEndArray();
    }
}
