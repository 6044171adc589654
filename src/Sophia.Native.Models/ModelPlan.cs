namespace Sophia.Native.Models;

/// <summary>The sizes that a workspace is planned for, before the first step.</summary>
public sealed record ModelPlan
{
    /// <summary>N, the most packed tokens of a batch.</summary>
    public required int MaximumTokens { get; init; }

    /// <summary>B, the most sequences of a batch.</summary>
    public required int MaximumSequences { get; init; }

    /// <summary>I, the most image tiles of a batch.</summary>
    public required int MaximumTiles { get; init; }

    /// <summary>The type of activations and their gradients: that of the model's parameters, <see cref="ParameterSet.Storage"/>. Statistics, logits and what is per token are Float32 whatever it is.</summary>
    public ElementType Storage { get; init; }

    /// <summary>Whether the decoder's activations are kept for a backward pass.</summary>
    public bool Training { get; init; }

    /// <summary>Whether the projector's activations are kept too; not needed where projector and vision encoder are frozen and not adapted.</summary>
    public bool TrainsProjector { get; init; }

    /// <summary>Whether the vision encoder's activations are kept too; not needed where it is frozen and not adapted.</summary>
    public bool TrainsVision { get; init; }

    /// <summary>
    /// Whether only what enters a layer is kept, and the backward pass runs the layer forward once more before it goes back through it: one layer's activations instead of all layers', for at most a third more
    /// operations. The same operations over the same numbers give the same bits, so no gradient changes. Of effect where activations are kept at all.
    /// </summary>
    public bool Recompute { get; init; }

    /// <summary>The adapter of the model, <see cref="ParameterLayout.Adapter"/> of its parameters: its linear layers need memory of their own; null where there is none.</summary>
    public AdapterConfig? Adapter { get; init; }

    /// <summary>Rows of a chunk of the head; changes no result.</summary>
    public int HeadChunk { get; init; } = 256;

    /// <summary>Side of a tile in pixels; 0 for the configuration's. Another side interpolates the position table.</summary>
    public int TileSize { get; init; }
}
