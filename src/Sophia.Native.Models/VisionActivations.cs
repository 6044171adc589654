namespace Sophia.Native.Models;

/// <summary>What a layer of the vision encoder leaves for its backward pass; N = I * (1 + P) rows.</summary>
public sealed class VisionLayerActivations
{
    internal VisionLayerActivations(Arena arena, VisionConfig config, long rows, DeviceView input, bool exclusiveOutput)
    {
        var (hidden, feedForward) = (config.HiddenSize, config.FeedForwardSize);
        Input = input;
        Norm1 = arena.Take("vision norm 1", rows, hidden);
        Mean1 = arena.Take("vision mean 1", 1, rows);
        Inverse1 = arena.Take("vision inverse 1", 1, rows);
        QueryKeyValue = arena.Take("vision qkv", rows, 3 * hidden);
        if (config.HasQueryKeyNorm)
        {
            NormedQueryKey = arena.Take("vision normed qk", rows, 2 * hidden);
            InverseQuery = arena.Take("vision inverse q", 1, rows);
            InverseKey = arena.Take("vision inverse k", 1, rows);
        }
        Attention = arena.Take("vision attention", rows, hidden);
        LogSumExp = arena.Take("vision log-sum-exp", rows, config.HeadCount);
        Projection = arena.Take("vision projection", rows, hidden);
        Middle = arena.Take("vision middle", rows, hidden);
        Norm2 = arena.Take("vision norm 2", rows, hidden);
        Mean2 = arena.Take("vision mean 2", 1, rows);
        Inverse2 = arena.Take("vision inverse 2", 1, rows);
        FeedForward1 = arena.Take("vision fc1", rows, feedForward);
        Gelu = arena.Take("vision gelu", rows, feedForward);
        FeedForward2 = arena.Take("vision fc2", rows, hidden);
        Output = exclusiveOutput ? arena.Take("vision output", rows, hidden) : input;
    }

    internal DeviceView Input { get; }

    internal DeviceView Norm1 { get; }

    internal DeviceView Mean1 { get; }

    internal DeviceView Inverse1 { get; }

    internal DeviceView QueryKeyValue { get; }

    internal DeviceView NormedQueryKey { get; }

    internal DeviceView InverseQuery { get; }

    internal DeviceView InverseKey { get; }

    internal DeviceView Attention { get; }

    internal DeviceView LogSumExp { get; }

    internal DeviceView Projection { get; }

    internal DeviceView Middle { get; }

    internal DeviceView Norm2 { get; }

    internal DeviceView Mean2 { get; }

    internal DeviceView Inverse2 { get; }

    internal DeviceView FeedForward1 { get; }

    internal DeviceView Gelu { get; }

    internal DeviceView FeedForward2 { get; }

    /// <summary>[N, Hv]: the residual stream after the layer.</summary>
    public DeviceView Output { get; }
}

/// <summary>The memory of the vision encoder for up to I tiles of one size: activations of every layer when training, of one layer otherwise.</summary>
public sealed class VisionActivations
{
    internal VisionActivations(Arena arena, Backend backend, VisionConfig config, int tileSize, int maximumTiles, bool training)
    {
        var side = tileSize / config.PatchSize;
        Grid = side;
        TokensPerTile = 1 + side * side;
        MaximumTiles = maximumTiles;
        long rows = (long)maximumTiles * TokensPerTile;
        Patches = arena.Take("patches", (long)maximumTiles * side * side, config.PatchLength);
        PatchEmbeddings = arena.Take("patch embeddings", (long)maximumTiles * side * side, config.HiddenSize);
        if (side != config.Grid)
            Positions = arena.Take("interpolated positions", TokensPerTile, config.HiddenSize);
        TileOffsets = arena.Take("tile offsets", 1, maximumTiles + 1, ElementType.Int32);
        TileLengths = arena.Take("tile lengths", 1, Math.Max(1, maximumTiles), ElementType.Int32);
        Embeddings = arena.Take("vision embeddings", rows, config.HiddenSize);
        Layers = new VisionLayerActivations[config.LayerCount];
        var mark = arena.Mark();
        var input = Embeddings;
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            if (!training)
                arena.Release(mark);
            Layers[layer] = new(arena, config, rows, input, training);
            input = Layers[layer].Output;
        }
        if (training)
            Gradients = new(arena, config, rows, TokensPerTile);
        UploadTileOffsets(backend);
    }

    /// <summary>Patches along a side of a tile.</summary>
    public int Grid { get; }

    /// <summary>1 + P.</summary>
    public int TokensPerTile { get; }

    /// <summary>[I * (1 + P), Hv]: patch embeddings with class token and positions.</summary>
    public DeviceView Embeddings { get; }

    /// <summary>The layers; without training they share memory, and only the last output remains.</summary>
    public IReadOnlyList<VisionLayerActivations> LayerActivations => Layers;

    /// <summary>[I * (1 + P), Hv]: the encoder's output, class token included.</summary>
    public DeviceView Output => Layers.Length > 0 ? Layers[^1].Output : Embeddings;

    internal int MaximumTiles { get; }

    internal DeviceView Patches { get; }

    internal DeviceView PatchEmbeddings { get; }

    internal DeviceView Positions { get; }

    internal DeviceView TileOffsets { get; }

    internal DeviceView TileLengths { get; }

    internal VisionLayerActivations[] Layers { get; }

    internal VisionGradients? Gradients { get; }

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

/// <summary>The gradients of the vision encoder's activations; one set serves all layers.</summary>
internal sealed class VisionGradients(Arena arena, VisionConfig config, long rows, long tokensPerTile)
{
    /// <summary>[N, Hv]: the gradient of the residual stream.</summary>
    public DeviceView Stream { get; } = arena.Take("d vision stream", rows, config.HiddenSize);

    public DeviceView Branch { get; } = arena.Take("d vision branch", rows, config.HiddenSize);

    public DeviceView Norm { get; } = arena.Take("d vision norm", rows, config.HiddenSize);

    public DeviceView FeedForward { get; } = arena.Take("d vision feed-forward", rows, config.FeedForwardSize);

    public DeviceView QueryKeyValue { get; } = arena.Take("d vision qkv", rows, 3 * config.HiddenSize);

    public DeviceView NormedQueryKey { get; } = config.HasQueryKeyNorm ? arena.Take("d vision normed qk", rows, 2 * config.HiddenSize) : default;

    public DeviceView Delta { get; } = arena.Take("vision delta", rows, config.HeadCount);

    public DeviceView Patches { get; } = arena.Take("d patch embeddings", rows, config.HiddenSize);

    public DeviceView Positions { get; } = arena.Take("d interpolated positions", tokensPerTile, config.HiddenSize);
}
