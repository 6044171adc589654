namespace Sophia.Native.Objectives;

/// <summary>The importance ratio w that weighs a trained token of the SOPHIA loss; gradients never flow through it.</summary>
public enum ImportanceRatio
{
    /// <summary>w = 1: what the paper trains with (its equation 7 after Lemma A.3).</summary>
    One,

    /// <summary>w = pi(token) / mu(token).</summary>
    Token,

    /// <summary>w = exp(mean over the sequence's trained tokens of log pi - log mu): the geometric mean.</summary>
    Sequence,

    /// <summary>w = 2 pi / (mu + pi_snapshot): the multiple-importance ratio of RL-PLUS (arXiv 2508.00222).</summary>
    Multiple,
}
