namespace Sophia.Native.Models;

/// <summary>The part of the model that a parameter belongs to: the unit of freezing.</summary>
public enum ParameterGroup
{
    /// <summary>The vision encoder.</summary>
    Vision,

    /// <summary>The projector from the vision encoder to the decoder.</summary>
    Projector,

    /// <summary>The decoder with its embedding and head.</summary>
    Decoder,

    /// <summary>The matrices of an adapter (<see cref="AdapterConfig"/>), whichever part of the model its linear layers lie in. Trained alone: the model that it adapts is frozen.</summary>
    Adapter,
}
