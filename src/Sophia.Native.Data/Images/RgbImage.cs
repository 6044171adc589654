namespace Sophia.Native.Data.Images;

/// <summary>A picture of 8-bit red, green and blue values.</summary>
public sealed class RgbImage
{
    /// <summary>The largest number of pixels an image may have (89,478,485, the limit above which Pillow warns): 256 MiB of values.</summary>
    public const int LargestPixelCount = 89_478_485;

    /// <summary>Makes a black image.</summary>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A side is below 1 or the image has more than <see cref="LargestPixelCount"/> pixels.</exception>
    public RgbImage(int width, int height)
        : this(width, height, new byte[CheckedLength(width, height)])
    {
    }

    /// <summary>Makes an image of given values.</summary>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="pixels">The values, [height, width, 3]; kept, not copied.</param>
    /// <exception cref="ArgumentException">The number of values is not 3 * width * height.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        int length = CheckedLength(width, height);
        if (pixels.Length != length) throw new ArgumentException($"Expected {length} values for {width} x {height} pixels, found {pixels.Length}.", nameof(pixels));
        Width = width;
        Height = height;
        Pixels = pixels;
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>The values, [height, width, 3] from the top left, red first.</summary>
    public byte[] Pixels { get; }

    /// <summary>A row, [width, 3].</summary>
    public Span<byte> Row(int row) => Pixels.AsSpan(row * Width * 3, Width * 3);

    /// <summary>A copy of a part.</summary>
    /// <param name="left">The first column.</param>
    /// <param name="top">The first row.</param>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside the image.</exception>
    public RgbImage Crop(int left, int top, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(left);
        ArgumentOutOfRangeException.ThrowIfNegative(top);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(width, Width - left);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(height, Height - top);
        RgbImage part = new(width, height);
        for (int row = 0; row < height; row++) Row(top + row).Slice(left * 3, width * 3).CopyTo(part.Row(row));
        return part;
    }

    private static int CheckedLength(int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)width * height, LargestPixelCount, nameof(height));
        return width * height * 3;
    }
}
