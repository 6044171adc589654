namespace Sophia.Native.Training.Recipes;

/// <summary>What the divergence term and the snapshot ratio compare with.</summary>
public enum ReferenceSource
{
    /// <summary>reference_logprobs of the record.</summary>
    Record,

    /// <summary>The model at the start of the run.</summary>
    Initial,
}
