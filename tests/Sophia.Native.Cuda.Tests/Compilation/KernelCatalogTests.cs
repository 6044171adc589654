using Sophia.Native.Cuda.Compilation;
using Sophia.Native.Cuda.Tests.Emulation;

namespace Sophia.Native.Cuda.Tests.Compilation;

public sealed class KernelCatalogTests
{
    [Fact]
    public void Every_kernel_file_is_in_the_catalog_and_every_entry_has_its_file()
    {
        var files = Directory.GetFiles(Path.Combine(Emulator.Repository, "kernels"), "*.cu").Select(Path.GetFileNameWithoutExtension).Order();
        Assert.Equal(files, KernelCatalog.Specializations.Select(specialization => specialization.File.Name).Distinct().Order());
    }

    [Fact]
    public void A_specialization_is_known_by_name_constants_and_values()
    {
        var known = KernelCatalog.Specializations.First();
        Assert.True(KernelCatalog.Contains(known with { File = new(known.File.Name, [.. known.File.Constants]) }));
        Assert.False(KernelCatalog.Contains(known with { StorageBits = 8 }));
        Assert.False(KernelCatalog.Contains(known with { File = new(known.File.Name, [.. known.File.Constants, "MORE"]) }));
    }
}
