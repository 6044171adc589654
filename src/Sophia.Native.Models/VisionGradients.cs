namespace Sophia.Native.Models;

/// <summary>The gradients of the vision encoder's activations; one set serves all layers.</summary>
internal sealed class VisionGradients(Arena arena, VisionConfig config, ElementType storage, long rows, long tokensPerTile)
{
    /// <summary>[N, Hv]: the gradient of the residual stream.</summary>
    public DeviceView Stream { get; } = arena.Take("d vision stream", rows, config.HiddenSize, storage);

    public DeviceView Branch { get; } = arena.Take("d vision branch", rows, config.HiddenSize, storage);

    public DeviceView Norm { get; } = arena.Take("d vision norm", rows, config.HiddenSize, storage);

    public DeviceView FeedForward { get; } = arena.Take("d vision feed-forward", rows, config.FeedForwardSize, storage);

    public DeviceView QueryKeyValue { get; } = arena.Take("d vision qkv", rows, 3 * config.HiddenSize, storage);

    public DeviceView NormedQueryKey { get; } = config.HasQueryKeyNorm ? arena.Take("d vision normed qk", rows, 2 * config.HiddenSize, storage) : default;

    public DeviceView Delta { get; } = arena.Take("vision delta", rows, config.HeadCount);

    public DeviceView Patches { get; } = arena.Take("d patch embeddings", rows, config.HiddenSize, storage);

    /// <summary>[1 + P, Hv] Float32: on its way to the gradient of a parameter.</summary>
    public DeviceView Positions { get; } = arena.Take("d interpolated positions", tokensPerTile, config.HiddenSize);
}
