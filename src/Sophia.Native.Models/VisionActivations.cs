namespace Sophia.Native.Models;

/// <summary>
/// The memory of the vision encoder for up to I tiles of one size: activations of every layer when training, of one layer otherwise. Where they are recomputed the layers have outputs of their own, each
/// the next one's input, and share the rest.
/// </summary>
public sealed class VisionActivations
{
    internal VisionActivations(Arena arena, Backend backend, VisionConfig config, ElementType storage, int tileSize, int maximumTiles, bool training, bool recompute)
    {
        var side = tileSize / config.PatchSize;
        Grid = side;
        TokensPerTile = 1 + side * side;
        MaximumTiles = maximumTiles;
        long rows = (long)maximumTiles * TokensPerTile;
        Patches = arena.Take("patches", (long)maximumTiles * side * side, config.PatchLength, storage);
        PatchEmbeddings = arena.Take("patch embeddings", (long)maximumTiles * side * side, config.HiddenSize, storage);
        if (side != config.Grid)
            Positions = arena.Take("interpolated positions", TokensPerTile, config.HiddenSize, storage);
        TileOffsets = arena.Take("tile offsets", 1, maximumTiles + 1, ElementType.Int32);
        TileLengths = arena.Take("tile lengths", 1, Math.Max(1, maximumTiles), ElementType.Int32);
        Embeddings = arena.Take("vision embeddings", rows, config.HiddenSize, storage);
        IsRecomputed = training && recompute;
        Layers = new VisionLayerActivations[config.LayerCount];
        var outputs = new DeviceView[config.LayerCount];
        for (var layer = 0; layer < config.LayerCount; layer++)
            outputs[layer] = training ? arena.Take("vision output", rows, config.HiddenSize, storage) : Embeddings;
        var mark = arena.Mark();
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            if (!training || recompute)
                arena.Release(mark);
            Layers[layer] = new(arena, config, storage, rows, layer == 0 ? Embeddings : outputs[layer - 1], outputs[layer]);
        }
        if (training)
            Gradients = new(arena, config, storage, rows, TokensPerTile);
        UploadTileOffsets(backend);
    }

    /// <summary>Patches along a side of a tile.</summary>
    public int Grid { get; }

    /// <summary>1 + P.</summary>
    public int TokensPerTile { get; }

    /// <summary>[I * (1 + P), Hv]: patch embeddings with class token and positions.</summary>
    public DeviceView Embeddings { get; }

    /// <summary>The layers; without training they share memory, and only the last output remains; recomputed, they share memory but for their outputs.</summary>
    public IReadOnlyList<VisionLayerActivations> LayerActivations => Layers;

    /// <summary>[I * (1 + P), Hv]: the encoder's output, class token included.</summary>
    public DeviceView Output => Layers.Length > 0 ? Layers[^1].Output : Embeddings;

    /// <summary>Whether the backward pass has to run a layer forward again before it finds its activations, but for the last one, which ran last.</summary>
    internal bool IsRecomputed { get; }

    internal int MaximumTiles { get; }

    internal DeviceView Patches { get; }

    internal DeviceView PatchEmbeddings { get; }

    internal DeviceView Positions { get; }

    internal DeviceView TileOffsets { get; }

    internal DeviceView TileLengths { get; }

    internal VisionLayerActivations[] Layers { get; }

    internal VisionGradients? Gradients { get; }

    /// <summary>Memory of adapted linear layers; null where the model has none.</summary>
    internal AdapterWorkspace? Adapter { get; init; }

    /// <summary>Every tile is a sequence of its own that sees itself whole.</summary>
    internal AttentionSequences Sequences(int tiles) => new()
    {
        QueryOffsets = TileOffsets.ColumnRange(0, tiles + 1),
        KeyOffsets = TileOffsets.ColumnRange(0, tiles),
        KeyLengths = TileLengths.ColumnRange(0, tiles),
        MaximumQueries = TokensPerTile,
        MaximumKeys = TokensPerTile,
        Causal = false,
    };

    private void UploadTileOffsets(Backend backend)
    {
        if (TileOffsets.Buffer is null || MaximumTiles == 0)
            return;
        var offsets = new int[MaximumTiles + 1];
        var lengths = new int[MaximumTiles];
        for (var tile = 0; tile < MaximumTiles; tile++)
        {
            offsets[tile + 1] = offsets[tile] + TokensPerTile;
            lengths[tile] = TokensPerTile;
        }
        backend.Upload<int>(TileOffsets, offsets);
        backend.Upload<int>(TileLengths, lengths);
    }
}
