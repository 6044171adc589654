namespace Sophia.Native.Models;

/// <summary>The gradients of the decoder's activations; one set serves all layers.</summary>
internal sealed class DecoderGradients(Arena arena, TextConfig config, ElementType storage, long tokens)
{
    /// <summary>[N, C]: the gradient of the hidden states that enter the head.</summary>
    public DeviceView FinalNorm { get; } = arena.Take("d final norm", tokens, config.HiddenSize, storage);

    /// <summary>[N, C]: the gradient of the residual stream, at the end that of the embeddings.</summary>
    public DeviceView Stream { get; } = arena.Take("d decoder stream", tokens, config.HiddenSize, storage);

    public DeviceView Norm { get; } = arena.Take("d decoder norm", tokens, config.HiddenSize, storage);

    public DeviceView Attention { get; } = arena.Take("d decoder attention", tokens, config.HeadCount * config.HeadSize, storage);

    public DeviceView QueryKeyValue { get; } = arena.Take("d decoder qkv", tokens, config.QueryKeyValueSize, storage);

    public DeviceView Delta { get; } = arena.Take("decoder delta", tokens, config.HeadCount);

    public DeviceView SwiGlu { get; } = arena.Take("d decoder swiglu", tokens, config.FeedForwardSize, storage);

    public DeviceView GateUp { get; } = arena.Take("d decoder gate and up", tokens, 2 * config.FeedForwardSize, storage);
}
