using Sophia.Native.Data.Images.Jpeg;

namespace Sophia.Native.Data.Images;

/// <summary>
/// Reads PNG and JPEG as Pillow's <c>Image.open(path).convert("RGB")</c> does: transparency is dropped, not blended, and the orientation of a camera is not applied.
/// Both agree with Pillow byte for byte: PNG with version 13, JPEG with any version built on libjpeg-turbo's default decoding.
/// </summary>
public static class ImageDecoder
{
    private const long LargestFile = 512L << 20;

    /// <summary>Reads an image file.</summary>
    /// <param name="path">The file; its contents, not its name, tell the format.</param>
    /// <exception cref="InvalidDataException">There is no such file, it is neither PNG nor JPEG, it is broken or cut off, or it is too large; the message begins with the path.</exception>
    public static RgbImage Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        FileInfo file = new(path);
        if (!file.Exists) throw new InvalidDataException($"{path}: expected an image file, found none.");
        if (file.Length > LargestFile) throw new InvalidDataException($"{path}: expected an image file of at most {LargestFile} bytes, found {file.Length}.");
        return Decode(File.ReadAllBytes(path), path);
    }

    /// <summary>Reads an image from memory.</summary>
    /// <param name="data">The contents of an image file.</param>
    /// <param name="name">What an error message begins with, such as a path.</param>
    /// <exception cref="InvalidDataException">The data is neither PNG nor JPEG, is broken or cut off, or its image is too large.</exception>
    public static RgbImage Decode(byte[] data, string name)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(name);
        try
        {
            if (PngDecoder.IsPng(data)) return PngDecoder.Decode(data);
            if (JpegDecoder.IsJpeg(data)) return JpegDecoder.Decode(data);
        }
        catch (InvalidDataException fault)
        {
            throw new InvalidDataException($"{name}: {fault.Message}", fault);
        }

        string start = data.Length == 0 ? "an empty file" : $"a file that begins with {Convert.ToHexString(data.AsSpan(0, Math.Min(8, data.Length)))}";
        throw new InvalidDataException($"{name}: expected a PNG or JPEG image, found {start}.");
    }

    /// <summary>Checks a header's sides before anything is allocated for them.</summary>
    internal static void CheckSize(long width, long height, string format)
    {
        if (width < 1 || height < 1) throw new InvalidDataException($"expected a {format} image of at least 1 x 1 pixels, found {width} x {height}.");
        if (width * height > RgbImage.LargestPixelCount) throw new InvalidDataException($"expected a {format} image of at most {RgbImage.LargestPixelCount} pixels, found {width} x {height}.");
    }
}
