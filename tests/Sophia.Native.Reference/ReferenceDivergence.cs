namespace Sophia.Native.Reference;

/// <summary>The divergence estimators, in the order of the engine's; d = log pi - log reference.</summary>
public enum ReferenceDivergence
{
    /// <summary>None.</summary>
    None,

    /// <summary>d.</summary>
    K1,

    /// <summary>d^2 / 2.</summary>
    K2,

    /// <summary>exp(-d) - 1 + d.</summary>
    K3,
}
