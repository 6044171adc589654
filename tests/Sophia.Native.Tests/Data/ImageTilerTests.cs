using System.Runtime.InteropServices;
using System.Text.Json;
using Sophia.Native.Data.Images;
using Xunit;

namespace Sophia.Native.Tests.Data;

public sealed class ImageTilerTests
{
    [Fact]
    public void Grids_of_the_golden_sizes_are_exact()
    {
        int count = 0;
        foreach (JsonElement line in Qwen2TokenizerTests.JsonLinesOf("preprocess/grids.jsonl"))
        {
            TileGrid grid = ImageTiler.ChooseGrid(line.GetProperty("W").GetInt32(), line.GetProperty("H").GetInt32(), new TilingOptions { MaximumTiles = line.GetProperty("max_num").GetInt32() });
            Assert.Equal(
                (line.GetProperty("cols").GetInt32(), line.GetProperty("rows").GetInt32(), line.GetProperty("tiles").GetInt32()),
                (grid.Columns, grid.Rows, grid.TileCount));
            count++;
        }

        Assert.Equal(400, count);
    }

    [Theory]
    [InlineData(448, 448, 1, 1, 1)]
    [InlineData(600, 600, 1, 1, 1)]
    [InlineData(896, 896, 2, 2, 5)]
    [InlineData(1000, 1000, 3, 3, 10)]
    [InlineData(640, 480, 4, 3, 13)]
    [InlineData(1280, 720, 4, 2, 9)]
    [InlineData(3000, 500, 6, 1, 7)]
    [InlineData(100, 1200, 1, 12, 13)]
    public void Known_sizes_have_known_grids(int width, int height, int columns, int rows, int tiles)
    {
        TileGrid grid = ImageTiler.ChooseGrid(width, height);
        Assert.Equal((columns, rows, tiles), (grid.Columns, grid.Rows, grid.TileCount));
    }

    [Fact]
    public void Every_tile_of_the_generated_golden_images_is_exact() => AssertExact(GoldenTiles.ReadAll().Where(golden => golden.IsGenerated), 34);

    [Fact]
    public void Every_tile_of_the_golden_images_of_MathVision_is_exact() => AssertExact(GoldenTiles.ReadAll().Where(golden => !golden.IsGenerated), 24);

    [Fact]
    public void Normalized_values_are_those_of_torchvision()
    {
        (float[] expected, int[] shape) = ReadFloats(TestData.Golden("preprocess/normalised.safetensors"), "pixel_values");
        TileSet tiles = ImageTiler.Tile(ImageDecoder.Load(TestData.Golden("preprocess/images/rgb_odd.png")), new TilingOptions { MaximumTiles = 6, TileSize = 112 });
        Assert.Equal([tiles.Tiles.Length, 3, 112, 112], shape);
        float[] values = new float[tiles.ValueCount];
        tiles.Normalize(values);
        float largest = 0;
        for (int i = 0; i < values.Length; i++) largest = Math.Max(largest, Math.Abs(values[i] - expected[i]));
        Assert.True(largest <= 1e-6f, $"largest difference {largest}");
    }

    [Fact]
    public void A_huge_strip_is_resized_without_a_huge_image_in_between()
    {
        RgbImage strip = new(2, 1_000_000);
        for (int y = 0; y < strip.Height; y++) strip.Row(y).Fill((byte)(y < strip.Height / 2 ? 10 : 200));
        long before = GC.GetAllocatedBytesForCurrentThread();
        TileSet tiles = ImageTiler.Tile(strip);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal((1, 12, 13), (tiles.Grid.Columns, tiles.Grid.Rows, tiles.Grid.TileCount));
        Assert.False(tiles.Tiles[0].Pixels.AsSpan().ContainsAnyExcept((byte)10));
        Assert.False(tiles.Tiles[11].Pixels.AsSpan().ContainsAnyExcept((byte)200));

        // An image of 448 x 1,000,000 in between would take 1.3 GB.
        Assert.InRange(allocated, 0, 200L << 20);
    }

    [Fact]
    public void Options_out_of_range_are_errors()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageTiler.ChooseGrid(0, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageTiler.ChooseGrid(5, 5, new TilingOptions { MaximumTiles = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageTiler.ChooseGrid(5, 5, new TilingOptions { MinimumTiles = 4, MaximumTiles = 3 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageTiler.ChooseGrid(5, 5, new TilingOptions { TileSize = 0 }));
    }

    private static void AssertExact(IEnumerable<GoldenTiles> cases, int count)
    {
        List<string> differing = [];
        foreach (GoldenTiles golden in cases)
        {
            count--;
            RgbImage image = ImageDecoder.Load(golden.Path);
            Assert.Equal((golden.Width, golden.Height), (image.Width, image.Height));
            if (golden.DecodedHash != GoldenTiles.Hash(image)) differing.Add($"{golden.File}: decoded pixels");
            TileSet set = ImageTiler.Tile(image, new TilingOptions { MaximumTiles = golden.MaximumTiles });
            Assert.Equal(golden.Grid, set.Grid);
            for (int i = 0; i < set.Tiles.Length; i++)
            {
                if (golden.TileHashes[i] != GoldenTiles.Hash(set.Tiles[i])) differing.Add($"{golden.File}, at most {golden.MaximumTiles} tiles: tile {i}");
            }
        }

        Assert.Empty(differing);
        Assert.Equal(0, count);
    }

    /// <summary>A float32 tensor of a safetensors file: 8 bytes of header length, the header, the data.</summary>
    private static (float[] Values, int[] Shape) ReadFloats(string path, string name)
    {
        byte[] file = File.ReadAllBytes(path);
        int headerLength = (int)BitConverter.ToInt64(file);
        using JsonDocument header = JsonDocument.Parse(file.AsMemory(8, headerLength));
        JsonElement tensor = header.RootElement.GetProperty(name);
        Assert.Equal("F32", tensor.GetProperty("dtype").GetString());
        int[] offsets = Qwen2TokenizerTests.IdsOf(tensor.GetProperty("data_offsets"));
        return (MemoryMarshal.Cast<byte, float>(file.AsSpan(8 + headerLength)[offsets[0]..offsets[1]]).ToArray(), Qwen2TokenizerTests.IdsOf(tensor.GetProperty("shape")));
    }
}
