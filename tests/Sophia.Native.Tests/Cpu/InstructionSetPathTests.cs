using Sophia.Native.Cpu;
using Xunit;

namespace Sophia.Native.Tests.Cpu;

public sealed class InstructionSetPathTests
{
    [Fact]
    public void An_unknown_path_name_is_an_error_that_lists_the_known_ones()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => InstructionSetPath.Parse("sse9"));
        Assert.Contains("'avx512' or 'portable'", error.Message);
        Assert.Contains("'sse9'", error.Message);
        Assert.Equal(CpuPath.Avx512, InstructionSetPath.Parse("AVX512"));
    }

    [Fact]
    public void A_requested_path_is_taken_as_it_is_or_refused()
    {
        Assert.Equal(CpuPath.Portable, InstructionSetPath.Resolve(CpuPath.Portable));
        if (InstructionSetPath.IsSupported(CpuPath.Avx512))
            Assert.Equal(CpuPath.Avx512, InstructionSetPath.Resolve(CpuPath.Avx512));
        else
            Assert.Throws<PlatformNotSupportedException>(() => InstructionSetPath.Resolve(CpuPath.Avx512));
    }
}
