namespace Sophia.Native.Data.Images;

/// <summary>How an image is cut into tiles.</summary>
public sealed record TilingOptions
{
    /// <summary>The options of the published models: 1 to 12 tiles of 448 pixels and a thumbnail.</summary>
    public static TilingOptions Default { get; } = new();

    /// <summary>The smallest number of tiles, the thumbnail not counted.</summary>
    public int MinimumTiles { get; init; } = 1;

    /// <summary>The largest number of tiles, the thumbnail not counted.</summary>
    public int MaximumTiles { get; init; } = 12;

    /// <summary>The side of a tile in pixels.</summary>
    public int TileSize { get; init; } = 448;

    /// <summary>True if an image of more than one tile gets a tile more that shows all of it.</summary>
    public bool UseThumbnail { get; init; } = true;
}
