namespace Sophia.Native.Models;

/// <summary>The memory of the decoder for up to N packed tokens: activations of every layer when training, of one layer otherwise.</summary>
public sealed class DecoderActivations
{
    internal DecoderActivations(Arena arena, TextConfig config, ElementType storage, long tokens, bool training)
    {
        Embeddings = arena.Take("embeddings", tokens, config.HiddenSize, storage);
        Branch = arena.Take("decoder branch", tokens, config.HiddenSize, storage);
        FinalNorm = arena.Take("final norm", tokens, config.HiddenSize, storage);
        FinalInverse = arena.Take("final inverse", 1, tokens);
        Layers = new DecoderLayerActivations[config.LayerCount];
        var mark = arena.Mark();
        var input = Embeddings;
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            if (!training)
                arena.Release(mark);
            Layers[layer] = new(arena, config, storage, tokens, input, training);
            input = Layers[layer].Output;
        }
        if (training)
            Gradients = new(arena, config, storage, tokens);
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
