using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda.Tests.Compilation;

public sealed class KernelCacheTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_was_written_is_read_by_another_cache_on_the_same_folder(bool isPtx)
    {
        var image = Image(1000, isPtx);
        new KernelCache(_folder.File("new", "folder")).Write("key", image);
        var read = new KernelCache(_folder.File("new", "folder")).Read("key");
        Assert.NotNull(read);
        Assert.Equal(image.Bytes, read.Bytes);
        Assert.Equal(isPtx, read.IsPtx);
        Assert.True(read.IsFromCache);
        Assert.Null(new KernelCache(_folder.File("new", "folder")).Read("another key"));
    }

    [Theory]
    [InlineData("cut short")]
    [InlineData("empty")]
    [InlineData("one bit changed")]
    [InlineData("longer")]
    [InlineData("another file")]
    [InlineData("zeros")]
    public void A_damaged_file_is_not_read_and_is_replaced_by_the_next_write(string damage)
    {
        var cache = new KernelCache(_folder.Path);
        var image = Image(500);
        cache.Write("key", image);
        var path = Assert.Single(Directory.GetFiles(_folder.Path));
        var bytes = File.ReadAllBytes(path);
        switch (damage)
        {
            case "cut short":
                bytes = bytes[..^7];
                break;
            case "empty":
                bytes = [];
                break;
            case "one bit changed":
                bytes[^100] ^= 4;
                break;
            case "longer":
                bytes = [.. bytes, 0];
                break;
            case "another file":
                bytes = "not a kernel but something else that is longer than the header of a file of the cache"u8.ToArray();
                break;
            default:
                Array.Clear(bytes);
                break;
        }
        File.WriteAllBytes(path, bytes);
        Assert.Null(cache.Read("key"));
        cache.Write("key", image);
        Assert.Equal(image.Bytes, cache.Read("key")!.Bytes);
    }

    [Fact]
    public void A_folder_that_cannot_be_written_leaves_the_images_in_memory_and_says_so()
    {
        var blocked = _folder.Write("a file where the folder should be", "blocked");
        var cache = new KernelCache(blocked);
        Assert.NotNull(cache.WhyNotWritable());
        Assert.Null(cache.WhyInMemory);
        var image = Image(64);
        cache.Write("key", image);
        Assert.NotNull(cache.WhyInMemory);
        Assert.Equal(image.Bytes, new KernelCache(blocked).Read("key")!.Bytes);
        cache.Remove("key");
        Assert.Null(cache.Read("key"));
        Assert.Equal([blocked], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Many_writers_and_readers_of_one_key_see_whole_images_and_leave_no_other_files()
    {
        var images = Enumerable.Range(0, 8).Select(i => Image(2000 + 100 * i)).ToArray();
        Parallel.For(0, 200, i =>
        {
            var cache = new KernelCache(_folder.Path);
            cache.Write("key", images[i % images.Length]);
            var read = cache.Read("key");
            Assert.NotNull(read);
            Assert.Contains(images, image => image.Bytes.AsSpan().SequenceEqual(read.Bytes));
            Assert.Null(cache.WhyInMemory);
        });
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    public void Dispose() => _folder.Dispose();

    private static KernelImage Image(int bytes, bool isPtx = false)
    {
        var content = new byte[bytes];
        Random.Shared.NextBytes(content);
        return new(content, isPtx, "log", IsFromCache: false);
    }
}
