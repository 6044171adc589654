namespace Sophia.Native.Models;

/// <summary>What a layer of the decoder leaves for its backward pass.</summary>
public sealed class DecoderLayerActivations
{
    internal DecoderLayerActivations(Arena arena, TextConfig config, long tokens, DeviceView input, bool exclusiveOutput)
    {
        var hidden = config.HiddenSize;
        Input = input;
        Norm1 = arena.Take("decoder norm 1", tokens, hidden);
        Inverse1 = arena.Take("decoder inverse 1", 1, tokens);
        QueryKeyValue = arena.Take("decoder qkv", tokens, config.QueryKeyValueSize);
        Attention = arena.Take("decoder attention", tokens, config.HeadCount * config.HeadSize);
        LogSumExp = arena.Take("decoder log-sum-exp", tokens, config.HeadCount);
        Middle = arena.Take("decoder middle", tokens, hidden);
        Norm2 = arena.Take("decoder norm 2", tokens, hidden);
        Inverse2 = arena.Take("decoder inverse 2", 1, tokens);
        GateUp = arena.Take("decoder gate and up", tokens, 2 * config.FeedForwardSize);
        SwiGlu = arena.Take("decoder swiglu", tokens, config.FeedForwardSize);
        Output = exclusiveOutput ? arena.Take("decoder output", tokens, hidden) : input;
    }

    internal DeviceView Input { get; }

    internal DeviceView Norm1 { get; }

    internal DeviceView Inverse1 { get; }

    internal DeviceView QueryKeyValue { get; }

    internal DeviceView Attention { get; }

    internal DeviceView LogSumExp { get; }

    internal DeviceView Middle { get; }

    internal DeviceView Norm2 { get; }

    internal DeviceView Inverse2 { get; }

    internal DeviceView GateUp { get; }

    internal DeviceView SwiGlu { get; }

    /// <summary>[N, C]: the residual stream after the layer.</summary>
    public DeviceView Output { get; }
}

/// <summary>The memory of the decoder for up to N packed tokens: activations of every layer when training, of one layer otherwise.</summary>
public sealed class DecoderActivations
{
    internal DecoderActivations(Arena arena, TextConfig config, long tokens, bool training)
    {
        Embeddings = arena.Take("embeddings", tokens, config.HiddenSize);
        Branch = arena.Take("decoder branch", tokens, config.HiddenSize);
        FinalNorm = arena.Take("final norm", tokens, config.HiddenSize);
        FinalInverse = arena.Take("final inverse", 1, tokens);
        Layers = new DecoderLayerActivations[config.LayerCount];
        var mark = arena.Mark();
        var input = Embeddings;
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            if (!training)
                arena.Release(mark);
            Layers[layer] = new(arena, config, tokens, input, training);
            input = Layers[layer].Output;
        }
        if (training)
            Gradients = new(arena, config, tokens);
    }

    /// <summary>[N, C]: token embeddings with the visual tokens spliced in.</summary>
    public DeviceView Embeddings { get; }

    /// <summary>[N, C]: the hidden states that enter the head.</summary>
    public DeviceView FinalNorm { get; }

    /// <summary>The layers; without training they share memory.</summary>
    public IReadOnlyList<DecoderLayerActivations> LayerActivations => Layers;

    internal DeviceView Branch { get; }

    internal DeviceView FinalInverse { get; }

    internal DecoderLayerActivations[] Layers { get; }

    internal DecoderGradients? Gradients { get; }

    internal DeviceView Last => Layers.Length > 0 ? Layers[^1].Output : Embeddings;
}

/// <summary>The gradients of the decoder's activations; one set serves all layers.</summary>
internal sealed class DecoderGradients(Arena arena, TextConfig config, long tokens)
{
    /// <summary>[N, C]: the gradient of the hidden states that enter the head.</summary>
    public DeviceView FinalNorm { get; } = arena.Take("d final norm", tokens, config.HiddenSize);

    /// <summary>[N, C]: the gradient of the residual stream, at the end that of the embeddings.</summary>
    public DeviceView Stream { get; } = arena.Take("d decoder stream", tokens, config.HiddenSize);

    public DeviceView Norm { get; } = arena.Take("d decoder norm", tokens, config.HiddenSize);

    public DeviceView Attention { get; } = arena.Take("d decoder attention", tokens, config.HeadCount * config.HeadSize);

    public DeviceView QueryKeyValue { get; } = arena.Take("d decoder qkv", tokens, config.QueryKeyValueSize);

    public DeviceView Delta { get; } = arena.Take("decoder delta", tokens, config.HeadCount);

    public DeviceView SwiGlu { get; } = arena.Take("d decoder swiglu", tokens, config.FeedForwardSize);

    public DeviceView GateUp { get; } = arena.Take("d decoder gate and up", tokens, 2 * config.FeedForwardSize);
}
