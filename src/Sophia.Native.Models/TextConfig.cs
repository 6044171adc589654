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

    /// <summary>
    /// The sequence length in tokens that dynamic NTK scaling prepares the rotary positions for, above <see cref="MaxPositionEmbeddings"/>; null for the trained length. It holds for every sequence
    /// of a run, short or long, and goes into the checkpoint (<c>rope_length</c>, our own key), so that a token's position never means two things.
    /// </summary>
    public int? RopeLength { get; init; }

    /// <summary>The longest sequence in tokens: the trained length, or <see cref="RopeLength"/>.</summary>
    public int MaximumPositions => RopeLength ?? MaxPositionEmbeddings;

    /// <summary>
    /// Base of the rotary frequencies in use. With a rope length it is that of dynamic NTK scaling at this length: theta * (factor * length / trained - (factor - 1))^(D / (D - 2))
    /// (transformers, modeling_rope_utils.py, _compute_dynamic_ntk_parameters).
    /// </summary>
    public double RopeBase => RopeLength is { } length && DynamicRopeFactor is { } factor
        ? RopeTheta * Math.Pow(factor * length / MaxPositionEmbeddings - (factor - 1), HeadSize / (HeadSize - 2.0))
        : RopeTheta;

    /// <summary>The key of config.json that bounds the length of a sequence, for messages.</summary>
    public string LengthKey => RopeLength is null ? "max_position_embeddings" : "rope_length";

    /// <summary>What an error about a sequence that is too long advises.</summary>
    public string LengthAdvice => DynamicRopeFactor is null
        ? "shorten it"
        : "shorten it, or prepare the model for longer ones in the whole run with --rope-length N (rope_length in a recipe), which scales its rotary positions by dynamic NTK";

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
        if (RopeLength is { } length)
        {
            if (DynamicRopeFactor is null)
                return new ConfigFault(Section, "rope_length", $"expected rope_scaling of type dynamic beside it, which says how rotary positions grow, found none: shorten the sequences to {MaxPositionEmbeddings} tokens");
            if (HeadSize <= 2)
                return new ConfigFault(Section, "rope_length", $"expected a head_dim above 2, for which dynamic NTK scaling is defined, found {HeadSize}");
            if (ConfigFault.OutOfRange(Section, "rope_length", length, MaxPositionEmbeddings + 1L, 1 << 24) is { } outside)
                return outside with { Message = outside.Message + ": up to max_position_embeddings nothing is scaled" };
        }
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
