namespace Sophia.Native.Cpu;

/// <summary>
/// The instruction sets the CPU operations are written for. Matrix products give the same bits on every path;
/// operations that add across lanes may differ between paths, never within one.
/// </summary>
internal enum CpuPath
{
    /// <summary>256-bit vectors through the portable API: AVX2 with FMA on x64, pairs of 128-bit vectors on ARM.</summary>
    Portable,

    /// <summary>512-bit vectors: AVX-512 F, DQ, BW and VL.</summary>
    Avx512,
}
