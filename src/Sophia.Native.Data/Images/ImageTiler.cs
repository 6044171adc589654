using System.Collections.Immutable;

namespace Sophia.Native.Data.Images;

/// <summary>
/// Cuts images into tiles as InternVL does (dynamic_preprocess of its training code): of all grids within the allowed number of tiles the one whose aspect ratio is closest
/// to the image's; the whole image is resized to the grid, whatever that does to its proportions, and cut up.
/// </summary>
public static class ImageTiler
{
    /// <summary>Cuts an image into tiles.</summary>
    /// <param name="image">The image.</param>
    /// <param name="options">The options; null for those of the published models.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public static TileSet Tile(RgbImage image, TilingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        options ??= TilingOptions.Default;
        TileGrid grid = ChooseGrid(image.Width, image.Height, options);
        int size = options.TileSize;
        RgbImage resized = BicubicResampler.Resize(image, size * grid.Columns, size * grid.Rows);
        ImmutableArray<RgbImage>.Builder tiles = ImmutableArray.CreateBuilder<RgbImage>(grid.TileCount);
        for (int row = 0; row < grid.Rows; row++)
        {
            for (int column = 0; column < grid.Columns; column++) tiles.Add(resized.Crop(column * size, row * size, size, size));
        }

        if (grid.HasThumbnail) tiles.Add(BicubicResampler.Resize(image, size, size));
        return new TileSet(grid, size, tiles.MoveToImmutable());
    }

    /// <summary>The grid for an image of a size.</summary>
    /// <param name="width">The image's columns.</param>
    /// <param name="height">The image's rows.</param>
    /// <param name="options">The options; null for those of the published models.</param>
    /// <exception cref="ArgumentOutOfRangeException">A side is below 1 or an option out of range.</exception>
    public static TileGrid ChooseGrid(int width, int height, TilingOptions? options = null)
    {
        options ??= TilingOptions.Default;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MinimumTiles);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaximumTiles, options.MinimumTiles);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaximumTiles, 256);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.TileSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.TileSize, 1 << 14);

        double aspect = (double)width / height, area = (double)width * height;
        double smallestDifference = double.PositiveInfinity;
        (int columns, int rows) = (1, 1);
        for (int tiles = options.MinimumTiles; tiles <= options.MaximumTiles; tiles++)
        {
            for (int i = 1; i <= tiles; i++)
            {
                if (tiles % i != 0) continue;
                int j = tiles / i;
                double difference = Math.Abs(aspect - (double)i / j);

                // Among grids of one shape the larger wins if the image fills more than half of it.
                bool sameShapeAndFilled = difference == smallestDifference && area > 0.5 * options.TileSize * options.TileSize * i * j;
                if (difference >= smallestDifference && !sameShapeAndFilled) continue;
                smallestDifference = difference;
                (columns, rows) = (i, j);
            }
        }

        return new TileGrid(columns, rows, options.UseThumbnail && columns * rows != 1);
    }
}
