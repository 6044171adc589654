namespace Sophia.Native.Data.Images;

/// <summary>How many tiles an image is cut into.</summary>
/// <param name="Columns">Tiles side by side.</param>
/// <param name="Rows">Tiles one above the other.</param>
/// <param name="HasThumbnail">True if a tile more shows the whole image.</param>
public readonly record struct TileGrid(int Columns, int Rows, bool HasThumbnail)
{
    /// <summary>The number of tiles, the thumbnail included.</summary>
    public int TileCount => Columns * Rows + (HasThumbnail ? 1 : 0);
}
