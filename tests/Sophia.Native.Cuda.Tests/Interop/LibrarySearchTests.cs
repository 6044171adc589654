using Sophia.Native.Cuda.Interop;

namespace Sophia.Native.Cuda.Tests.Interop;

/// <summary>Where NVIDIA's libraries are looked for. The files here are no libraries: what is tested is what is tried, in which order, and what is said of it.</summary>
public sealed class LibrarySearchTests
{
    private static string Loadable => "/lib/x86_64-linux-gnu/libm.so.6";

    [Fact]
    public void A_library_that_is_nowhere_is_reported_with_every_place()
    {
        using var folder = new TemporaryFolder();
        var found = Search(new() { ["SOPHIA_CUDA_PATH"] = folder.File("missing"), ["CUDA_PATH"] = folder.Path }).Run(LibraryNames.Compiler);
        Assert.False(found.IsLoaded);
        var refusal = Assert.Throws<BackendUnavailableException>(() => found.Require("Install it."));
        Assert.Contains("NVRTC was not found", refusal.Message);
        Assert.Contains($"{folder.File("missing")} (SOPHIA_CUDA_PATH): no such folder", refusal.Message);
        Assert.Contains($"{folder.File("libnvrtc.so.13")} (CUDA_PATH): no such file", refusal.Message);
        Assert.Contains("CUDA_HOME: not set", refusal.Message);
        Assert.Contains("libnvrtc.so.12 (the loader's path): ", refusal.Message);
        Assert.EndsWith("Install it.", refusal.Message);
    }

    [Fact]
    public void A_file_that_cannot_be_loaded_is_reported_with_the_loaders_reason_and_the_search_goes_on()
    {
        SkipOutsideLinux();
        using var folder = new TemporaryFolder();
        var broken = folder.Write("no library", "lib64", "libcublasLt.so.13");
        var second = folder.File("lib64", "libcublasLt.so.12");
        File.Copy(Loadable, second);
        var found = Search(new() { ["CUDA_PATH"] = folder.Path }).Run(LibraryNames.MatrixProducts);
        Assert.Equal(second, found.Path);
        Assert.Contains(found.Attempts, attempt => attempt.Place == $"{broken} (CUDA_PATH)" && attempt.Outcome.Contains("file too short", StringComparison.Ordinal));
        Assert.Equal("loaded", found.Attempts[^1].Outcome);
    }

    [Fact]
    public void The_projects_own_variable_goes_before_the_toolkits()
    {
        SkipOutsideLinux();
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("ours"));
        Directory.CreateDirectory(folder.File("toolkit", "lib64"));
        File.Copy(Loadable, folder.File("ours", "libcublasLt.so.12"));
        File.Copy(Loadable, folder.File("toolkit", "lib64", "libcublasLt.so.13"));
        var found = Search(new() { ["SOPHIA_CUDA_PATH"] = folder.File("ours"), ["CUDA_PATH"] = folder.File("toolkit") }).Run(LibraryNames.MatrixProducts);
        Assert.Equal(folder.File("ours", "libcublasLt.so.12"), found.Path);
    }

    [Fact]
    public void Pythons_packages_are_looked_through()
    {
        SkipOutsideLinux();
        using var folder = new TemporaryFolder();
        var library = folder.Write("", "lib", "python3.12", "site-packages", "nvidia", "cublas", "lib", "libcublasLt.so.12");
        File.Copy(Loadable, library, overwrite: true);
        var found = Search(new() { ["VIRTUAL_ENV"] = folder.Path }).Run(LibraryNames.MatrixProducts);
        Assert.Equal(library, found.Path);
    }

    [Fact]
    public void Among_versions_the_newest_is_taken_unless_the_driver_is_made_for_another()
    {
        SkipOutsideLinux();
        using var folder = new TemporaryFolder();
        foreach (var name in (string[])["libcublasLt.so.12", "libcublasLt.so.13"])
            File.Copy(Loadable, folder.File(name));
        Dictionary<string, string> variables = new() { ["CUDA_PATH"] = folder.Path };
        Assert.Equal(folder.File("libcublasLt.so.13"), Search(variables).Run(LibraryNames.MatrixProducts).Path);
        Assert.Equal(folder.File("libcublasLt.so.12"), Search(variables, preferredMajor: 12).Run(LibraryNames.MatrixProducts).Path);
        Assert.Equal(folder.File("libcublasLt.so.13"), Search(variables, preferredMajor: 13).Run(LibraryNames.MatrixProducts).Path);
        Assert.Equal(folder.File("libcublasLt.so.13"), Search(variables, preferredMajor: 14).Run(LibraryNames.MatrixProducts).Path);
    }

    [Fact]
    public void A_replacement_of_the_driver_replaces_all_libraries_and_nothing_else_is_tried()
    {
        using var folder = new TemporaryFolder();
        foreach (var names in (LibraryNames[])[LibraryNames.Driver, LibraryNames.Compiler, LibraryNames.MatrixProducts])
        {
            var found = Search(new() { ["SOPHIA_CUDA_DRIVER"] = folder.File("missing.so"), ["CUDA_PATH"] = "/usr" }).Run(names);
            Assert.False(found.IsLoaded);
            Assert.Equal([new LibraryAttempt($"{folder.File("missing.so")} (SOPHIA_CUDA_DRIVER)", "no such file")], found.Attempts);
        }
    }

    private static LibrarySearch Search(Dictionary<string, string> variables, int preferredMajor = 0) => new(variables.GetValueOrDefault, preferredMajor);

    private static void SkipOutsideLinux()
    {
        if (!File.Exists(Loadable))
            Assert.Skip($"{Loadable}, which stands for NVIDIA's libraries here, is not on this system.");
    }
}
