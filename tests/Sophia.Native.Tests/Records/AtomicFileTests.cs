using Sophia.Native.Data.Records;

namespace Sophia.Native.Tests.Records;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_failure_leaves_the_former_file_and_nothing_beside_it()
    {
        string path = _folder.Write("a.txt", "former");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write("half"u8);
            stream.Flush();
            throw new InvalidOperationException();
        }));
        Assert.Equal("former", File.ReadAllText(path));
        Assert.Single(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void The_former_file_stands_until_the_commit()
    {
        string path = _folder.Write("a.txt", "former");
        using (AtomicFile file = AtomicFile.Create(path))
        {
            file.Stream.Write("new"u8);
            file.Stream.Flush();
            Assert.Equal("former", File.ReadAllText(path));
            file.Commit();
            Assert.Equal("new", File.ReadAllText(path));
        }

        Assert.Equal("new", File.ReadAllText(path));
        Assert.Single(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Folders_on_the_way_are_created_and_a_folder_as_target_is_named()
    {
        string path = _folder.File("x/y/a.txt");
        AtomicFile.WriteAllText(path, "é");
        Assert.Equal("é"u8.ToArray(), File.ReadAllBytes(path));
        Assert.Contains("found a folder", Assert.Throws<IOException>(() => AtomicFile.WriteAllText(_folder.File("x"), "")).Message);
    }

    [Fact]
    public void Flushing_a_folder_that_is_not_there_is_an_error()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Windows has no flush of folders.");
        AtomicFile.FlushFolder(_folder.Path);
        Assert.Throws<IOException>(() => AtomicFile.FlushFolder(_folder.File("no")));
    }
}
