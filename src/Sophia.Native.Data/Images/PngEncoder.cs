using System.Buffers.Binary;
using System.IO.Compression;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Data.Images;

/// <summary>Writes PNG of 8-bit red, green and blue values.</summary>
public static class PngEncoder
{
    /// <summary>Writes an image file; a file of that name is replaced when the new one is whole.</summary>
    public static void Save(RgbImage image, string path)
    {
        ArgumentNullException.ThrowIfNull(image);
        AtomicFile.Write(path, stream => stream.Write(Encode(image)));
    }

    /// <summary>The contents of a PNG file of the image. Each row takes the filter with the smallest sum of absolute differences.</summary>
    public static byte[] Encode(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        using MemoryStream file = new();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        byte[] header = new byte[PngHeader.Length];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), image.Height);
        header[8] = 8;
        header[9] = (byte)PngColorType.Rgb;
        WriteChunk(file, "IHDR"u8, header);
        WriteChunk(file, "IDAT"u8, Compress(image));
        WriteChunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    private static byte[] Compress(RgbImage image)
    {
        using MemoryStream compressed = new();
        using (ZLibStream values = new(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            byte[] best = new byte[image.Width * 3 + 1], candidate = new byte[best.Length], none = new byte[best.Length - 1];
            for (int y = 0; y < image.Height; y++)
            {
                ReadOnlySpan<byte> above = y == 0 ? none : image.Row(y - 1);
                long bestCost = long.MaxValue;
                for (int filter = 0; filter < PngFilter.Count; filter++)
                {
                    candidate[0] = (byte)filter;
                    PngFilter.Apply(filter, image.Row(y), above, candidate.AsSpan(1), 3);
                    long cost = 0;
                    foreach (byte difference in candidate.AsSpan(1)) cost += Math.Abs((int)(sbyte)difference);
                    if (cost >= bestCost) continue;
                    bestCost = cost;
                    (best, candidate) = (candidate, best);
                }

                values.Write(best);
            }
        }

        return compressed.ToArray();
    }

    private static void WriteChunk(MemoryStream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        byte[] chunk = new byte[data.Length + 12];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        type.CopyTo(chunk.AsSpan(4));
        data.CopyTo(chunk.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), Crc32.Compute(chunk.AsSpan(4, data.Length + 4)));
        file.Write(chunk);
    }
}
