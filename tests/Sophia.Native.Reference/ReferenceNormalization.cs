namespace Sophia.Native.Reference;

/// <summary>The averages of token losses, in the order of the engine's.</summary>
public enum ReferenceNormalization
{
    /// <summary>Every token weighs the same.</summary>
    TokenMean,

    /// <summary>No average.</summary>
    TokenSum,

    /// <summary>Sums of sequences, averaged.</summary>
    SequenceMeanTokenSum,

    /// <summary>Means of sequences, averaged.</summary>
    SequenceMeanTokenMean,

    /// <summary>Sequences weighed by the root of their length.</summary>
    Square,
}
