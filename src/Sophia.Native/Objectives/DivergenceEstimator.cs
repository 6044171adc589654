namespace Sophia.Native.Objectives;

/// <summary>An estimator of the divergence between the policy and a reference, per token; d = log pi - log reference.</summary>
public enum DivergenceEstimator
{
    /// <summary>No divergence term.</summary>
    None,

    /// <summary>d.</summary>
    K1,

    /// <summary>d^2 / 2.</summary>
    K2,

    /// <summary>exp(-d) - 1 + d, not clamped.</summary>
    K3,
}
