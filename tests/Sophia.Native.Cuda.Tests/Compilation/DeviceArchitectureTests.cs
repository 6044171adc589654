using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda.Tests.Compilation;

public sealed class DeviceArchitectureTests
{
    private static readonly int[] Known = [50, 60, 70, 75, 80, 86, 89, 90];

    [Theory]
    [InlineData(80, "sm_80")]
    [InlineData(89, "sm_89")]
    [InlineData(90, "sm_90a")]
    public void A_device_the_compiler_knows_gets_its_exact_cubin(int capability, string name) => Assert.Equal(new(name, IsPtx: false), DeviceArchitecture.Choose(capability, Known));

    [Theory]
    [InlineData(120, "compute_90")]
    [InlineData(87, "compute_86")]
    public void A_newer_device_gets_ptx_of_the_newest_known_architecture_before_it(int capability, string name) => Assert.Equal(new(name, IsPtx: true), DeviceArchitecture.Choose(capability, Known));

    [Fact]
    public void A_compiler_that_knows_no_architecture_with_bfloat16_is_refused()
    {
        var refusal = Assert.Throws<BackendUnavailableException>(() => DeviceArchitecture.Choose(90, [50, 60, 70, 75]));
        Assert.Contains("8.0 up to the device's 9.0", refusal.Message);
    }
}
