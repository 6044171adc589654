namespace Sophia.Native.Objectives;

/// <summary>
/// How the losses of trained tokens are averaged; n_i is the number of trained tokens of sequence i, and sums run over all micro-batches of a step.
/// A token's normalizer is the factor of its loss.
/// </summary>
public enum NormalizationMode
{
    /// <summary>1 / sum n_i: every token of the step weighs the same.</summary>
    TokenMean,

    /// <summary>1: no average.</summary>
    TokenSum,

    /// <summary>1 / number of sequences with a trained token: equation 7 of the SOPHIA paper.</summary>
    SequenceMeanTokenSum,

    /// <summary>1 / (n_i * number of sequences with a trained token): every sequence weighs the same.</summary>
    SequenceMeanTokenMean,

    /// <summary>1 / (sqrt(n_i) * sum sqrt(n_j)): between the two, as InternVL trains.</summary>
    Square,
}
