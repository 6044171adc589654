namespace Sophia.Native.Models;

/// <summary>
/// The vision encoder (InternViT): a patch convolution, a class token, learned positions and pre-normalized layers with layer scale.
/// Key names in brackets are those of the original layout, then of the Hugging Face layout where they differ.
/// </summary>
public sealed record VisionConfig
{
    /// <summary>Channels Hv of the residual stream (<c>hidden_size</c>).</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Number of layers (<c>num_hidden_layers</c>).</summary>
    public required int LayerCount { get; init; }

    /// <summary>Number of attention heads (<c>num_attention_heads</c>); divides <see cref="HiddenSize"/>.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Feed-forward channels Fv (<c>intermediate_size</c>).</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>Side in pixels of the square image that the position table was made for (<c>image_size</c>).</summary>
    public required int ImageSize { get; init; }

    /// <summary>Side in pixels of a patch (<c>patch_size</c>).</summary>
    public required int PatchSize { get; init; }

    /// <summary>Which normalization the layers use (<c>norm_type</c>; when missing, the class default: RMSNorm in the original code, LayerNorm in Hugging Face's).</summary>
    public required VisionNormalization Normalization { get; init; }

    /// <summary>Whether query, key and value have biases (<c>qkv_bias</c>, <c>attention_bias</c>).</summary>
    public required bool HasQueryKeyValueBias { get; init; }

    /// <summary>Whether query and key pass an RMSNorm over all heads together (<c>qk_normalization</c>, <c>use_qk_norm</c>).</summary>
    public required bool HasQueryKeyNorm { get; init; }

    /// <summary>Epsilon of the layers' normalizations (<c>layer_norm_eps</c>).</summary>
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary>Epsilon of the query and key norms: <c>layer_norm_eps</c> in the original code, always 1e-6 in Hugging Face's.</summary>
    public double QueryKeyNormEpsilon { get; init; } = 1e-6;

    /// <summary>Initial value of the layer scales (<c>initializer_factor</c>, <c>layer_scale_init_value</c>).</summary>
    public double LayerScaleInitialValue { get; init; } = 0.1;

    /// <summary>Standard deviation of a random initialization (<c>initializer_range</c>). Published files hold 1e-10, which a random initialization reads as the decoder's.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>Channels of a head, D.</summary>
    public int HeadSize => HiddenSize / HeadCount;

    /// <summary>Patches along a side of the configured image, G.</summary>
    public int Grid => ImageSize / PatchSize;

    /// <summary>Patches of the configured image, P = G * G.</summary>
    public int PatchCount => Grid * Grid;

    /// <summary>Numbers in a flattened patch: 3 * patch * patch, in the order channel, row, column.</summary>
    public int PatchLength => 3 * PatchSize * PatchSize;

    internal ConfigFault? FindFault()
    {
        const ConfigSection Section = ConfigSection.Vision;
        var fault = ConfigFault.OutOfRange(Section, "hidden_size", HiddenSize, 1, 1 << 17)
            ?? ConfigFault.OutOfRange(Section, "num_hidden_layers", LayerCount, 1, 1024)
            ?? ConfigFault.OutOfRange(Section, "num_attention_heads", HeadCount, 1, 1024)
            ?? ConfigFault.OutOfRange(Section, "intermediate_size", FeedForwardSize, 1, 1 << 20)
            ?? ConfigFault.OutOfRange(Section, "patch_size", PatchSize, 1, 256)
            ?? ConfigFault.OutOfRange(Section, "image_size", ImageSize, 1, 1 << 13)
            ?? ConfigFault.OutOfRange(Section, "layer_norm_eps", NormEpsilon, 0, 1)
            ?? ConfigFault.OutOfRange(Section, "layer_norm_eps", QueryKeyNormEpsilon, 0, 1)
            ?? ConfigFault.OutOfRange(Section, "initializer_factor", LayerScaleInitialValue, -1e3, 1e3)
            ?? ConfigFault.OutOfRange(Section, "initializer_range", InitializerRange, -double.Epsilon, 1e3);
        if (fault is not null) return fault;
        if (HiddenSize % HeadCount != 0)
            return new ConfigFault(Section, "num_attention_heads", $"expected a divisor of hidden_size {HiddenSize}, found {HeadCount}");
        if (ImageSize % PatchSize != 0)
            return new ConfigFault(Section, "image_size", $"expected a multiple of patch_size {PatchSize}, found {ImageSize}");
        if (!Enum.IsDefined(Normalization))
            return new ConfigFault(Section, "norm_type", $"expected layer_norm or rms_norm, found {Normalization}");
        return null;
    }
}
