namespace Sophia.Native.Models;

/// <summary>
/// The memory of the decoder for up to N packed tokens: activations of every layer when training, of one layer otherwise. Where they are recomputed the layers have outputs of their own, each the next
/// one's input, and share the rest.
/// </summary>
public sealed class DecoderActivations
{
    internal DecoderActivations(Arena arena, TextConfig config, ElementType storage, long tokens, bool training, bool recompute)
    {
        Embeddings = arena.Take("embeddings", tokens, config.HiddenSize, storage);
        Branch = arena.Take("decoder branch", tokens, config.HiddenSize, storage);
        FinalNorm = arena.Take("final norm", tokens, config.HiddenSize, storage);
        FinalInverse = arena.Take("final inverse", 1, tokens);
        IsRecomputed = training && recompute;
        Layers = new DecoderLayerActivations[config.LayerCount];
        var outputs = new DeviceView[config.LayerCount];
        for (var layer = 0; layer < config.LayerCount; layer++)
            outputs[layer] = training ? arena.Take("decoder output", tokens, config.HiddenSize, storage) : Embeddings;
        var mark = arena.Mark();
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            if (!training || recompute)
                arena.Release(mark);
            Layers[layer] = new(arena, config, storage, tokens, layer == 0 ? Embeddings : outputs[layer - 1], outputs[layer]);
        }
        if (training)
            Gradients = new(arena, config, storage, tokens);
    }

    /// <summary>[N, C]: token embeddings with the visual tokens spliced in.</summary>
    public DeviceView Embeddings { get; }

    /// <summary>[N, C]: the hidden states that enter the head.</summary>
    public DeviceView FinalNorm { get; }

    /// <summary>The layers; without training, or recomputed, they share memory.</summary>
    public IReadOnlyList<DecoderLayerActivations> LayerActivations => Layers;

    /// <summary>Whether the backward pass has to run a layer forward again before it finds its activations, but for the last one, which ran last.</summary>
    internal bool IsRecomputed { get; }

    internal DeviceView Branch { get; }

    internal DeviceView FinalInverse { get; }

    internal DecoderLayerActivations[] Layers { get; }

    internal DecoderGradients? Gradients { get; }

    /// <summary>Memory of adapted linear layers; null where the model has none.</summary>
    internal AdapterWorkspace? Adapter { get; init; }

    internal DeviceView Last => Layers.Length > 0 ? Layers[^1].Output : Embeddings;
}
