using System.Buffers.Binary;
using System.IO.Compression;

namespace Sophia.Native.Data.Images;

/// <summary>
/// Decodes PNG: all color types, bit depths and interlacing. What the values become is what Pillow 13 makes of them in <c>convert("RGB")</c>:
/// alpha and transparent colors are dropped; 16-bit grey is min(value, 255), all other 16-bit values are their high byte.
/// </summary>
internal static class PngDecoder
{
    private const long LargestDeflateRatio = 1032;

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    public static bool IsPng(ReadOnlySpan<byte> data) => data.StartsWith(Signature);

    /// <exception cref="InvalidDataException">The file is broken, cut off or too large.</exception>
    public static RgbImage Decode(byte[] data)
    {
        PngHeader? header = null;
        byte[]? palette = null;
        using MemoryStream compressed = new();
        bool ended = false;
        for (int at = Signature.Length; !ended;)
        {
            ReadOnlySpan<byte> type = ReadChunk(data, ref at, out ReadOnlySpan<byte> chunk);
            if (header is null && !type.SequenceEqual("IHDR"u8)) throw new InvalidDataException($"expected the PNG header (IHDR) first, found {Name(type)}.");
            if (type.SequenceEqual("IHDR"u8)) header = header is null ? PngHeader.Parse(chunk) : throw new InvalidDataException("expected one PNG header (IHDR), found a second.");
            else if (type.SequenceEqual("PLTE"u8)) palette = MakePalette(chunk);
            else if (type.SequenceEqual("IDAT"u8)) compressed.Write(chunk);
            else if (type.SequenceEqual("IEND"u8)) ended = true;
            else if ((type[0] & 0x20) == 0) throw new InvalidDataException($"expected the critical chunks of the PNG specification, found {Name(type)}.");
        }

        if (header is not { } known || compressed.Length == 0) throw new InvalidDataException("expected image data (IDAT) in the PNG, found none.");
        if (known.ColorType == PngColorType.Palette && palette is null) throw new InvalidDataException("expected a palette (PLTE) in a PNG with palette colors, found none.");
        if (known.RowBytes(known.Width) * known.Height / LargestDeflateRatio > compressed.Length)
            throw new InvalidDataException($"expected image data for {known.Width} x {known.Height} pixels, found {compressed.Length} compressed bytes, which cannot hold them.");
        compressed.Position = 0;
        RgbImage image = new(known.Width, known.Height);
        using ZLibStream values = new(compressed, CompressionMode.Decompress);
        if (!known.Interlaced)
        {
            ReadPass(values, known, palette, image, 0, 0, 1, 1);
        }
        else
        {
            // Adam7: the first pixel and the steps of each pass (PNG specification, section 8).
            ReadOnlySpan<(int X, int Y, int StepX, int StepY)> passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
            foreach ((int x, int y, int stepX, int stepY) in passes) ReadPass(values, known, palette, image, x, y, stepX, stepY);
        }

        // Reading to the end makes the stream verify its checksum; values beyond the image are passed over, as libpng does.
        values.ReadByte();
        return image;
    }

    private static ReadOnlySpan<byte> ReadChunk(ReadOnlySpan<byte> data, ref int at, out ReadOnlySpan<byte> chunk)
    {
        if (data.Length - at < 12) throw new InvalidDataException($"expected a PNG chunk at byte {at}, found the end of the file: it is cut off.");
        uint length = BinaryPrimitives.ReadUInt32BigEndian(data[at..]);
        ReadOnlySpan<byte> type = data.Slice(at + 4, 4);
        if (length > data.Length - at - 12) throw new InvalidDataException($"expected {length} bytes of the PNG chunk {Name(type)} at byte {at}, found {data.Length - at - 12}: the file is cut off or broken.");
        chunk = data.Slice(at + 8, (int)length);
        bool critical = (type[0] & 0x20) == 0;
        uint expected = BinaryPrimitives.ReadUInt32BigEndian(data[(at + 8 + (int)length)..]);
        if (critical && Crc32.Compute(data.Slice(at + 4, (int)length + 4)) != expected)
            throw new InvalidDataException($"expected the PNG chunk {Name(type)} at byte {at} to match its checksum, found other contents: the file is broken.");
        at += (int)length + 12;
        return type;
    }

    private static string Name(ReadOnlySpan<byte> type) =>
        type.ContainsAnyExceptInRange((byte)'A', (byte)'z') ? $"0x{Convert.ToHexString(type)}" : System.Text.Encoding.ASCII.GetString(type);

    /// <summary>256 colors; beyond those of the file a grey ramp, as in Pillow.</summary>
    private static byte[] MakePalette(ReadOnlySpan<byte> chunk)
    {
        if (chunk.Length is 0 or > 768 || chunk.Length % 3 != 0) throw new InvalidDataException($"expected a PNG palette of 1 to 256 colors of 3 bytes, found {chunk.Length} bytes.");
        byte[] palette = new byte[768];
        for (int i = 0; i < palette.Length; i++) palette[i] = (byte)(i / 3);
        chunk.CopyTo(palette);
        return palette;
    }

    private static void ReadPass(ZLibStream values, PngHeader header, byte[]? palette, RgbImage image, int left, int top, int stepX, int stepY)
    {
        int width = (header.Width - left + stepX - 1) / stepX, height = (header.Height - top + stepY - 1) / stepY;
        if (width <= 0 || height <= 0) return;
        int rowBytes = (int)header.RowBytes(width);
        byte[] row = new byte[rowBytes + 1], above = new byte[rowBytes + 1], colors = new byte[width * 3];
        for (int y = 0; y < height; y++)
        {
            if (values.ReadAtLeast(row, row.Length, throwOnEndOfStream: false) < row.Length)
                throw new InvalidDataException($"expected image data for {header.Height} rows in the PNG, found its end: the file is cut off.");
            PngFilter.Undo(row[0], row.AsSpan(1), above.AsSpan(1), header.PixelDistance);
            Span<byte> target = image.Row(top + y * stepY);
            if (stepX == 1)
            {
                ConvertRow(row.AsSpan(1), header, palette, target);
            }
            else
            {
                ConvertRow(row.AsSpan(1), header, palette, colors);
                for (int x = 0; x < width; x++) colors.AsSpan(x * 3, 3).CopyTo(target[((left + x * stepX) * 3)..]);
            }

            (row, above) = (above, row);
        }
    }

    /// <summary>Turns the values of a row into colors, [width, 3].</summary>
    private static void ConvertRow(ReadOnlySpan<byte> values, PngHeader header, byte[]? palette, Span<byte> colors)
    {
        int width = colors.Length / 3;
        int valueBytes = header.BitDepth == 16 ? 2 : 1;
        switch (header.ColorType)
        {
            case PngColorType.Rgb when header.BitDepth == 8:
                values[..colors.Length].CopyTo(colors);
                break;
            case PngColorType.Rgb or PngColorType.RgbAlpha:
                for (int x = 0; x < width; x++)
                {
                    int source = x * header.Channels * valueBytes;
                    colors[x * 3] = values[source];
                    colors[x * 3 + 1] = values[source + valueBytes];
                    colors[x * 3 + 2] = values[source + 2 * valueBytes];
                }

                break;
            case PngColorType.Palette:
                for (int x = 0; x < width; x++) palette.AsSpan(SmallValue(values, x, header.BitDepth) * 3, 3).CopyTo(colors[(x * 3)..]);
                break;
            case PngColorType.GreyAlpha:
                for (int x = 0; x < width; x++) colors.Slice(x * 3, 3).Fill(values[x * 2 * valueBytes]);
                break;
            case PngColorType.Grey when header.BitDepth == 16:
                for (int x = 0; x < width; x++) colors.Slice(x * 3, 3).Fill(values[x * 2] != 0 ? (byte)255 : values[x * 2 + 1]);
                break;
            default:
                int scale = 255 / ((1 << header.BitDepth) - 1);
                for (int x = 0; x < width; x++) colors.Slice(x * 3, 3).Fill((byte)(SmallValue(values, x, header.BitDepth) * scale));
                break;
        }
    }

    /// <summary>A value of 1, 2, 4 or 8 bits; the first stands in the high bits of its byte.</summary>
    private static int SmallValue(ReadOnlySpan<byte> values, int index, int bits)
    {
        int bit = index * bits;
        return (values[bit >> 3] >> (8 - bits - (bit & 7))) & ((1 << bits) - 1);
    }
}
