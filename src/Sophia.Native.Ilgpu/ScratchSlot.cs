namespace Sophia.Native.Ilgpu;

/// <summary>What scratch memory is for; an operation may use several at once.</summary>
internal enum ScratchSlot
{
    /// <summary>Partial sums.</summary>
    Partials,

    /// <summary>Lists of rows.</summary>
    Rows,

    /// <summary>Gathered rows.</summary>
    Gathered,

    /// <summary>Gradients of gathered rows.</summary>
    GatheredGradients,

    /// <summary>What gradients of rows of logits are scaled by.</summary>
    Scales,
}
