namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>The words for the codes of <see cref="KernelFault"/>.</summary>
internal static class KernelFaults
{
    public static string Describe(int code) => code switch
    {
        KernelFault.TokenOutsideVocabulary => "expected token ids inside the vocabulary, found one outside it",
        KernelFault.RowOutsideMatrix => "expected row indices inside the matrix, found one outside it",
        KernelFault.PositionOutsideTable => "expected positions inside the table, found one outside it",
        KernelFault.SequenceOutsideBatch => "expected sequences inside the rows of the batch, found one outside them",
        KernelFault.TargetOutsideVocabulary => "expected targets inside the vocabulary or minus one, found one outside it",
        _ => $"a kernel reported the unknown fault {code}",
    };
}
