namespace Sophia.Native.Models;

/// <summary>What a layer of the decoder leaves for its backward pass.</summary>
public sealed class DecoderLayerActivations
{
    internal DecoderLayerActivations(Arena arena, TextConfig config, ElementType storage, long tokens, DeviceView input, DeviceView output)
    {
        var hidden = config.HiddenSize;
        Input = input;
        Output = output;
        Norm1 = arena.Take("decoder norm 1", tokens, hidden, storage);
        Inverse1 = arena.Take("decoder inverse 1", 1, tokens);
        QueryKeyValue = arena.Take("decoder qkv", tokens, config.QueryKeyValueSize, storage);
        Attention = arena.Take("decoder attention", tokens, config.HeadCount * config.HeadSize, storage);
        LogSumExp = arena.Take("decoder log-sum-exp", tokens, config.HeadCount);
        Middle = arena.Take("decoder middle", tokens, hidden, storage);
        Norm2 = arena.Take("decoder norm 2", tokens, hidden, storage);
        Inverse2 = arena.Take("decoder inverse 2", 1, tokens);
        GateUp = arena.Take("decoder gate and up", tokens, 2 * config.FeedForwardSize, storage);
        SwiGlu = arena.Take("decoder swiglu", tokens, config.FeedForwardSize, storage);
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
