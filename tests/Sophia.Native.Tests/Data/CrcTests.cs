using Sophia.Native.Data.Images;
using Xunit;

namespace Sophia.Native.Tests.Data;

public sealed class CrcTests
{
    [Fact]
    public void The_check_value_of_the_standard_holds() => Assert.Equal(0xCBF43926u, Crc32.Compute("123456789"u8));
}
