using System.Security.Cryptography;
using System.Text.Json;
using Sophia.Native.Data.Images;

namespace Sophia.Native.Tests.Data;

/// <summary>A line of golden/preprocess/tiles.jsonl.</summary>
internal sealed record GoldenTiles(string File, int Width, int Height, int MaximumTiles, TileGrid Grid, string DecodedHash, string[] TileHashes)
{
    public static IEnumerable<GoldenTiles> ReadAll()
    {
        foreach (JsonElement line in Qwen2TokenizerTests.JsonLinesOf("preprocess/tiles.jsonl"))
        {
            int[] grid = Qwen2TokenizerTests.IdsOf(line.GetProperty("grid_cols_rows"));
            yield return new GoldenTiles(
                line.GetProperty("file").GetString()!,
                line.GetProperty("W").GetInt32(),
                line.GetProperty("H").GetInt32(),
                line.GetProperty("max_num").GetInt32(),
                new TileGrid(grid[0], grid[1], line.GetProperty("tiles").GetInt32() > 1),
                line.GetProperty("decoded_sha256").GetString()!,
                [.. line.GetProperty("tile_sha256").EnumerateArray().Select(hash => hash.GetString()!)]);
        }
    }

    /// <summary>True if the image was made for the golden set, false if it is one of MathVision.</summary>
    public bool IsGenerated => File.StartsWith("images/", StringComparison.Ordinal);

    /// <summary>Where the image is: beside the golden file, or among the images of MathVision; skips where those are absent.</summary>
    public string Path => IsGenerated ? TestData.Golden("preprocess/" + File) : TestData.Data("mathvision-testmini/images/" + File);

    public static string Hash(RgbImage image) => Convert.ToHexStringLower(SHA256.HashData(image.Pixels));
}
