namespace Sophia.Native.Models;

/// <summary>What a layer of the vision encoder leaves for its backward pass; N = I * (1 + P) rows.</summary>
public sealed class VisionLayerActivations
{
    internal VisionLayerActivations(Arena arena, VisionConfig config, ElementType storage, long rows, DeviceView input, DeviceView output)
    {
        var (hidden, feedForward) = (config.HiddenSize, config.FeedForwardSize);
        Input = input;
        Output = output;
        Norm1 = arena.Take("vision norm 1", rows, hidden, storage);
        Mean1 = arena.Take("vision mean 1", 1, rows);
        Inverse1 = arena.Take("vision inverse 1", 1, rows);
        QueryKeyValue = arena.Take("vision qkv", rows, 3 * hidden, storage);
        if (config.HasQueryKeyNorm)
        {
            NormedQueryKey = arena.Take("vision normed qk", rows, 2 * hidden, storage);
            InverseQuery = arena.Take("vision inverse q", 1, rows);
            InverseKey = arena.Take("vision inverse k", 1, rows);
        }
        Attention = arena.Take("vision attention", rows, hidden, storage);
        LogSumExp = arena.Take("vision log-sum-exp", rows, config.HeadCount);
        Projection = arena.Take("vision projection", rows, hidden, storage);
        Middle = arena.Take("vision middle", rows, hidden, storage);
        Norm2 = arena.Take("vision norm 2", rows, hidden, storage);
        Mean2 = arena.Take("vision mean 2", 1, rows);
        Inverse2 = arena.Take("vision inverse 2", 1, rows);
        FeedForward1 = arena.Take("vision fc1", rows, feedForward, storage);
        Gelu = arena.Take("vision gelu", rows, feedForward, storage);
        FeedForward2 = arena.Take("vision fc2", rows, hidden, storage);
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
