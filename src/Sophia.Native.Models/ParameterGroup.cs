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
}
