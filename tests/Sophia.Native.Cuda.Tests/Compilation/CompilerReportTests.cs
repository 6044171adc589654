using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda.Tests.Compilation;

public sealed class CompilerReportTests
{
    private const string Log = """
        ptxas info    : 0 bytes gmem
        ptxas info    : Compiling entry function 'second_kernel' for 'sm_90a'
        ptxas info    : Function properties for second_kernel
            16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
        ptxas info    : Used 72 registers, used 1 barriers, 16384 bytes smem, 604 bytes cmem[0]
        ptxas info    : Compiling entry function 'first_kernel' for 'sm_90a'
        ptxas info    : Function properties for first_kernel
            0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
        ptxas info    : Used 32 registers, 592 bytes cmem[0]
        """;

    [Fact]
    public void The_report_of_every_kernel_is_read() =>
        Assert.Equal([new CompilerReport("second_kernel", 72, 16384, 20, 16), new CompilerReport("first_kernel", 32, 0, 0, 0)], CompilerReport.Parse(Log));

    [Fact]
    public void The_summary_names_the_worst() => Assert.Equal("2 kernels, at most 72 registers, 16384 bytes of static shared memory, 20 bytes spilled", CompilerReport.Summarize(Log));
}
