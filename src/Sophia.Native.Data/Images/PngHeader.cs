using System.Buffers.Binary;

namespace Sophia.Native.Data.Images;

/// <summary>The checked contents of IHDR.</summary>
internal readonly record struct PngHeader(int Width, int Height, int BitDepth, PngColorType ColorType, bool Interlaced)
{
    public const int Length = 13;

    public int Channels => ColorType switch { PngColorType.Rgb => 3, PngColorType.RgbAlpha => 4, PngColorType.GreyAlpha => 2, _ => 1 };

    /// <summary>Bytes from a value to the same value of the pixel to its right, at least 1.</summary>
    public int PixelDistance => Math.Max(1, Channels * BitDepth / 8);

    public long RowBytes(int width) => ((long)width * Channels * BitDepth + 7) / 8;

    /// <exception cref="InvalidDataException">The header is of no known kind, or the image too large.</exception>
    public static PngHeader Parse(ReadOnlySpan<byte> data)
    {
        if (data.Length != Length) throw new InvalidDataException($"expected a PNG header (IHDR) of {Length} bytes, found {data.Length}.");
        uint width = BinaryPrimitives.ReadUInt32BigEndian(data), height = BinaryPrimitives.ReadUInt32BigEndian(data[4..]);
        ImageDecoder.CheckSize(width, height, "PNG");
        int depth = data[8];
        PngColorType color = (PngColorType)data[9];
        bool known = color switch
        {
            PngColorType.Grey => depth is 1 or 2 or 4 or 8 or 16,
            PngColorType.Palette => depth is 1 or 2 or 4 or 8,
            PngColorType.Rgb or PngColorType.GreyAlpha or PngColorType.RgbAlpha => depth is 8 or 16,
            _ => false,
        };
        if (!known) throw new InvalidDataException($"expected a color type and bit depth of the PNG specification, found type {data[9]} with {depth} bits.");
        if (data[10] != 0 || data[11] != 0 || data[12] > 1)
            throw new InvalidDataException($"expected PNG compression 0, filter 0 and interlace 0 or 1, found {data[10]}, {data[11]} and {data[12]}.");
        return new PngHeader((int)width, (int)height, depth, color, data[12] == 1);
    }
}
