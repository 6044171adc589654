namespace Sophia.Native.Models;

/// <summary>The memory of the projector for up to M visual tokens.</summary>
public sealed class ProjectorActivations
{
    internal ProjectorActivations(Arena arena, InternVLConfig config, ElementType storage, long visualTokens, bool training)
    {
        var (input, output) = (config.ProjectorInputSize, config.Text.HiddenSize);
        Shuffled = arena.Take("pixel shuffle", visualTokens, input, storage);
        Norm = arena.Take("projector norm", visualTokens, input, storage);
        Mean = arena.Take("projector mean", 1, visualTokens);
        Inverse = arena.Take("projector inverse deviation", 1, visualTokens);
        FeedForward1 = arena.Take("projector fc1", visualTokens, output, storage);
        Gelu = arena.Take("projector gelu", visualTokens, output, storage);
        Output = arena.Take("visual tokens", visualTokens, output, storage);
        if (!training)
            return;
        DOutput = arena.Take("d visual tokens", visualTokens, output, storage);
        DHidden = arena.Take("d projector hidden", visualTokens, output, storage);
        DNorm = arena.Take("d projector norm", visualTokens, input, storage);
        DShuffled = arena.Take("d pixel shuffle", visualTokens, input, storage);
    }

    /// <summary>[M, C]: the visual tokens.</summary>
    public DeviceView Output { get; }

    internal DeviceView Shuffled { get; }

    /// <summary>Memory of adapted linear layers; null where the model has none.</summary>
    internal AdapterWorkspace? Adapter { get; init; }

    internal DeviceView Norm { get; }

    internal DeviceView Mean { get; }

    internal DeviceView Inverse { get; }

    internal DeviceView FeedForward1 { get; }

    internal DeviceView Gelu { get; }

    internal DeviceView DOutput { get; }

    internal DeviceView DHidden { get; }

    internal DeviceView DNorm { get; }

    internal DeviceView DShuffled { get; }
}
