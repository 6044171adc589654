using System.Collections.Immutable;

namespace Sophia.Native.Data.Images;

/// <summary>The tiles of an image, row by row, and last the thumbnail if there is one.</summary>
/// <param name="Grid">Columns and rows, and whether there is a thumbnail.</param>
/// <param name="TileSize">The side of a tile in pixels.</param>
/// <param name="Tiles">The tiles, each of tile size in both directions.</param>
public sealed record TileSet(TileGrid Grid, int TileSize, ImmutableArray<RgbImage> Tiles)
{
    /// <summary>How many float values all tiles have.</summary>
    public int ValueCount => Tiles.Length * 3 * TileSize * TileSize;

    /// <summary>Writes what the vision encoder takes.</summary>
    /// <param name="values">Receives the normalized values of all tiles, [I, 3, S, S]; at least <see cref="ValueCount"/> long.</param>
    public void Normalize(Span<float> values)
    {
        int tileValues = 3 * TileSize * TileSize;
        for (int i = 0; i < Tiles.Length; i++) PixelNormalizer.Normalize(Tiles[i], values.Slice(i * tileValues, tileValues));
    }
}
