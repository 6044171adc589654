namespace Sophia.Native.Models.Files;

/// <summary>Reads <c>llm_config</c> or <c>text_config</c>.</summary>
internal static class TextConfigReader
{
    public static TextConfig Read(JsonSection section, bool original, TokenIdList endTokens)
    {
        var architecture = ReadArchitecture(section, original);
        section.RequireText("hidden_act", "silu");
        section.RequireFlag("use_sliding_window", false, "attention over a sliding window is not supported");
        foreach (var type in section.OptionalTexts("layer_types") ?? [])
        {
            if (type != "full_attention") throw section.Fault("layer_types", $"expected \"full_attention\" in every layer, found \"{type}\"");
        }
        if (section.OptionalNumber("partial_rotary_factor") is { } partial && partial != 1)
            throw section.Fault("partial_rotary_factor", FormattableString.Invariant($"expected 1, found {partial}"));

        var hidden = section.Integer("hidden_size");
        var heads = section.Integer("num_attention_heads");
        var headSize = section.OptionalInteger("head_dim");
        if (headSize is null)
        {
            if (heads <= 0 || hidden % heads != 0)
                throw section.Fault("num_attention_heads", $"expected a divisor of hidden_size {hidden}, found {heads}");
            headSize = hidden / heads;
        }
        var (theta, factor) = ReadRope(section);
        return new TextConfig
        {
            Architecture = architecture,
            HiddenSize = hidden,
            LayerCount = section.Integer("num_hidden_layers"),
            HeadCount = heads,
            KeyValueHeadCount = section.OptionalInteger("num_key_value_heads") ?? heads,
            HeadSize = headSize.Value,
            FeedForwardSize = section.Integer("intermediate_size"),
            VocabularySize = section.Integer("vocab_size"),
            NormEpsilon = section.Number("rms_norm_eps"),
            RopeTheta = theta,
            MaxPositionEmbeddings = section.Integer("max_position_embeddings"),
            DynamicRopeFactor = factor,
            RopeLength = section.OptionalInteger("rope_length"),
            InitializerRange = section.OptionalNumber("initializer_range") ?? 0.02,
            BeginOfSequenceTokenId = section.OptionalInteger("bos_token_id"),
            PaddingTokenId = section.OptionalInteger("pad_token_id"),
            EndOfSequenceTokenIds = endTokens,
        };
    }

    private static TextArchitecture ReadArchitecture(JsonSection section, bool original)
    {
        // transformers reads a missing model_type of the native layout as qwen2.
        var type = original ? section.Text("model_type") : section.OptionalText("model_type") ?? "qwen2";
        switch (type)
        {
            case "qwen2":
                section.RequireFlag("attention_bias", true, "Qwen2 has biases on query, key and value");
                return TextArchitecture.Qwen2;
            case "internlm2" when original:
                section.RequireFlag("bias", false, "InternLM2.5 has no biases");
                return TextArchitecture.InternLM2;
            case "llama" when !original:
                section.RequireFlag("attention_bias", false, "InternLM2.5 has no biases");
                section.RequireFlag("mlp_bias", false, "InternLM2.5 has no biases");
                return TextArchitecture.InternLM2;
            default:
                throw section.Fault("model_type", $"expected \"qwen2\" or \"{(original ? "internlm2" : "llama")}\", found \"{type}\"");
        }
    }

    /// <summary>transformers 5 keeps everything in <c>rope_parameters</c>; before, <c>rope_theta</c> stood beside <c>rope_scaling</c>.</summary>
    private static (double Theta, double? DynamicFactor) ReadRope(JsonSection section)
    {
        var parameters = section.OptionalSection("rope_parameters");
        var scaling = parameters ?? section.OptionalSection("rope_scaling");
        var theta = parameters?.OptionalNumber("rope_theta") ?? section.Number("rope_theta");
        if (scaling is null) return (theta, null);

        var key = scaling.Has("rope_type") ? "rope_type" : "type";
        var type = scaling.OptionalText(key) ?? "default";
        switch (type)
        {
            case "default":
                return (theta, null);
            case "dynamic":
                if (scaling.OptionalInteger("original_max_position_embeddings") is { } trained && trained != section.Integer("max_position_embeddings"))
                    throw scaling.Fault("original_max_position_embeddings", $"expected max_position_embeddings {section.Integer("max_position_embeddings")}, found {trained}");
                var factor = scaling.Number("factor");
                if (!(factor >= 1)) throw scaling.Fault("factor", FormattableString.Invariant($"expected a dynamic factor of at least 1, found {factor}"));
                return (theta, factor);
            default:
                throw scaling.Fault(key, $"expected \"default\" or \"dynamic\", found \"{type}\"");
        }
    }
}
