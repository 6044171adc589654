using StbImageSharp;

namespace Sophia.Native.Data.Images;

/// <summary>Decodes JPEG.</summary>
internal static class JpegDecoder
{
    public static bool IsJpeg(ReadOnlySpan<byte> data) => data.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]);

    /// <exception cref="InvalidDataException">The file is broken, cut off or too large.</exception>
    public static RgbImage Decode(byte[] data)
    {
        try
        {
            using MemoryStream stream = new(data);
            if (ImageInfo.FromStream(stream) is { } info) ImageDecoder.CheckSize(info.Width, info.Height, "JPEG");
            ImageResult result = ImageResult.FromMemory(data, ColorComponents.RedGreenBlue);
            return new RgbImage(result.Width, result.Height, result.Data);
        }
        catch (Exception fault) when (fault is not (InvalidDataException or OutOfMemoryException))
        {
            throw new InvalidDataException($"expected a JPEG image, found a fault: {fault.Message}", fault);
        }
    }
}
