namespace Sophia.Native.Models;

/// <summary>
/// The decoder: token embedding, pre-normalized layers with grouped-query attention, rotary positions and a gated feed-forward, and an untied head.
/// Key names in brackets are those of config.json and the same in both layouts.
/// </summary>
public sealed record TextConfig
{
    /// <summary>The family, which decides the biases and the layout in files (<c>model_type</c>).</summary>
    public required TextArchitecture Architecture { get; init; }

    /// <summary>Channels C of the residual stream (<c>hidden_size</c>).</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Number of layers L (<c>num_hidden_layers</c>).</summary>
    public required int LayerCount { get; init; }

    /// <summary>Query heads H (<c>num_attention_heads</c>).</summary>
    public required int HeadCount { get; init; }

    /// <summary>Key-value heads K (<c>num_key_value_heads</c>); divides <see cref="HeadCount"/>.</summary>
    public required int KeyValueHeadCount { get; init; }

    /// <summary>Channels of a head, D (<c>head_dim</c>, else hidden size / heads); even, because rotary positions turn pairs.</summary>
    public required int HeadSize { get; init; }

    /// <summary>Feed-forward channels F (<c>intermediate_size</c>).</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>Vocabulary V (<c>vocab_size</c>).</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Epsilon of every RMSNorm (<c>rms_norm_eps</c>).</summary>
    public required double NormEpsilon { get; init; }

    /// <summary>Base of the rotary frequencies (<c>rope_theta</c>).</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Longest trained sequence in tokens (<c>max_position_embeddings</c>).</summary>
    public required int MaxPositionEmbeddings { get; init; }

    /// <summary>Factor of dynamic NTK scaling (<c>rope_scaling</c> or <c>rope_parameters</c> of type <c>dynamic</c>), which takes effect beyond <see cref="MaxPositionEmbeddings"/> only; null for plain rotary positions.</summary>
    public double? DynamicRopeFactor { get; init; }

    /// <summary>Standard deviation of a random initialization (<c>initializer_range</c>).</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>Id of the token that begins a sequence, where the file names one (<c>bos_token_id</c>).</summary>
    public int? BeginOfSequenceTokenId { get; init; }

    /// <summary>Id of the padding token, where the file names one (<c>pad_token_id</c>).</summary>
    public int? PaddingTokenId { get; init; }

    /// <summary>Ids that end a generation (<c>eos_token_id</c> of the decoder, of the model and of generation_config.json, in this order).</summary>
    public TokenIdList EndOfSequenceTokenIds { get; init; } = TokenIdList.Empty;

    /// <summary>Whether query, key and value have biases.</summary>
    public bool HasQueryKeyValueBias => Architecture == TextArchitecture.Qwen2;

    /// <summary>Rows of the packed query, key and value projection: (H + 2K) * D.</summary>
    public int QueryKeyValueSize => (HeadCount + 2 * KeyValueHeadCount) * HeadSize;

    internal ConfigFault? FindFault()
    {
        const ConfigSection Section = ConfigSection.Text;
        var fault = ConfigFault.OutOfRange(Section, "hidden_size", HiddenSize, 1, 1 << 17)
            ?? ConfigFault.OutOfRange(Section, "num_hidden_layers", LayerCount, 1, 1024)
            ?? ConfigFault.OutOfRange(Section, "num_attention_heads", HeadCount, 1, 1024)
            ?? ConfigFault.OutOfRange(Section, "num_key_value_heads", KeyValueHeadCount, 1, 1024)
            ?? ConfigFault.OutOfRange(Section, "head_dim", HeadSize, 2, 1024)
            ?? ConfigFault.OutOfRange(Section, "intermediate_size", FeedForwardSize, 1, 1 << 20)
            ?? ConfigFault.OutOfRange(Section, "vocab_size", VocabularySize, 1, 1 << 24)
            ?? ConfigFault.OutOfRange(Section, "max_position_embeddings", MaxPositionEmbeddings, 1, 1 << 24)
            ?? ConfigFault.OutOfRange(Section, "rms_norm_eps", NormEpsilon, 0, 1)
            ?? ConfigFault.OutOfRange(Section, "rope_theta", RopeTheta, 0, 1e15)
            ?? ConfigFault.OutOfRange(Section, "initializer_range", InitializerRange, -double.Epsilon, 1e3);
        if (fault is not null) return fault;
        if (!Enum.IsDefined(Architecture))
            return new ConfigFault(Section, "model_type", $"expected qwen2 or internlm2, found {Architecture}");
        if (HeadCount % KeyValueHeadCount != 0)
            return new ConfigFault(Section, "num_key_value_heads", $"expected a divisor of num_attention_heads {HeadCount}, found {KeyValueHeadCount}");
        if (HeadSize % 2 != 0)
            return new ConfigFault(Section, "head_dim", $"expected an even number, because rotary positions turn pairs, found {HeadSize}");
        if (DynamicRopeFactor is { } factor && !(double.IsFinite(factor) && factor >= 1))
            return new ConfigFault(Section, "rope_scaling.factor", FormattableString.Invariant($"expected a finite dynamic factor of at least 1, found {factor}"));
        return FindTokenFault("bos_token_id", BeginOfSequenceTokenId)
            ?? FindTokenFault("pad_token_id", PaddingTokenId)
            ?? FindTokenFault();
    }

    // Qwen writes -1 for "none" in some files; a reader turns that into null, so any negative id here is a mistake.
    private static ConfigFault? FindTokenFault(string key, int? id) =>
        id is null or >= 0 ? null : new ConfigFault(ConfigSection.Text, key, $"expected a token id of at least 0, found {id}");

    private ConfigFault? FindTokenFault()
    {
        foreach (var id in EndOfSequenceTokenIds)
        {
            if (FindTokenFault("eos_token_id", id) is { } fault) return fault;
        }
        return null;
    }
}
