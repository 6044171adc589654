namespace Sophia.Native.Cuda.Launching;

/// <summary>Device memory that an operation needs only while it runs. Operations of one stream follow each other, so that they may share a slot; two that one launch needs at once are two slots.</summary>
internal enum ScratchSlot
{
    /// <summary>Partial results of a reduction between two launches.</summary>
    Partials,

    /// <summary>A second array of partial results.</summary>
    MorePartials,

    /// <summary>Integer tickets, counters and orders.</summary>
    Integers,

    /// <summary>Converted or rearranged operands.</summary>
    Operands,

    /// <summary>The workspace of matrix products.</summary>
    Products,

    /// <summary>The list of rows that the head computes; it lives through all of its chunks.</summary>
    HeadRows,

    /// <summary>Hidden states of a chunk of the head and their gradients.</summary>
    HeadHidden,
}
