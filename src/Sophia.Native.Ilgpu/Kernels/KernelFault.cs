namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>Bad data that only the device can see; the codes that kernels report.</summary>
internal static class KernelFault
{
    public const int TokenOutsideVocabulary = 1;
    public const int RowOutsideMatrix = 2;
    public const int PositionOutsideTable = 3;
    public const int SequenceOutsideBatch = 4;
    public const int TargetOutsideVocabulary = 5;
}
