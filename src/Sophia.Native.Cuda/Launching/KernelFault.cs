namespace Sophia.Native.Cuda.Launching;

/// <summary>Bad data that only the device can see; the codes that kernels report (kernels/portable.cuh has the same numbers under the names FAULT_...).</summary>
internal enum KernelFault
{
    /// <summary>Nothing was reported.</summary>
    None = 0,

    /// <summary>A token id outside the vocabulary.</summary>
    TokenOutsideVocabulary = 1,

    /// <summary>A row index outside its matrix.</summary>
    RowOutsideMatrix = 2,

    /// <summary>A position outside the table of angles.</summary>
    PositionOutsideTable = 3,

    /// <summary>Offsets or lengths of sequences that do not fit the rows of the batch.</summary>
    SequenceOutsideBatch = 4,

    /// <summary>A target outside the vocabulary.</summary>
    TargetOutsideVocabulary = 5,
}
