namespace Sophia.Native.Reference;

/// <summary>The importance ratios of the SOPHIA loss, in the order of the engine's.</summary>
public enum ReferenceRatio
{
    /// <summary>w = 1.</summary>
    One,

    /// <summary>w = pi / mu.</summary>
    Token,

    /// <summary>w = exp(mean over the sequence of log pi - log mu).</summary>
    Sequence,

    /// <summary>w = 2 pi / (mu + pi_snapshot).</summary>
    Multiple,
}
