using Sophia.Native.Cpu;

namespace Sophia.Native.Tests.Cpu;

/// <summary>The instruction-set paths this machine can test.</summary>
internal static class CpuPaths
{
    public static CpuPath[] Supported => InstructionSetPath.IsSupported(CpuPath.Avx512) ? [CpuPath.Avx512, CpuPath.Portable] : [CpuPath.Portable];
}
