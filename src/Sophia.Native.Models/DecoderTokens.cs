namespace Sophia.Native.Models;

/// <summary>The packed tokens that one pass of the decoder runs over, in device memory.</summary>
public readonly struct DecoderTokens
{
    /// <summary>[N] Int32.</summary>
    public required DeviceView Ids { get; init; }

    /// <summary>[N] Int32: position in its sequence, from 0.</summary>
    public required DeviceView Positions { get; init; }

    /// <summary>[N] Int32: row of the visual token that takes the place of the embedding, or minus one.</summary>
    public required DeviceView VisualRows { get; init; }

    /// <summary>[positions, D]: see <see cref="Models.RopeTable"/>.</summary>
    public required DeviceView RopeTable { get; init; }

    /// <summary>Which queries attend to which keys.</summary>
    public required AttentionSequences Sequences { get; init; }

    /// <summary>[N] Int32: the row of the key-value cache that each token's key and value go to; absent without a cache.</summary>
    public DeviceView CacheRows { get; init; }
}
