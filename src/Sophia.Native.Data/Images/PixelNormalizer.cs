namespace Sophia.Native.Data.Images;

/// <summary>Turns 8-bit values into what the vision encoder takes: (value / 255 - mean) / deviation of each channel, in float32, with the numbers of ImageNet.</summary>
public static class PixelNormalizer
{
    private static readonly float[][] s_values = [MakeTable(0.485f, 0.229f), MakeTable(0.456f, 0.224f), MakeTable(0.406f, 0.225f)];

    /// <summary>Normalizes an image.</summary>
    /// <param name="image">The image, [H, W, 3].</param>
    /// <param name="values">Receives [3, H, W]: all of red, then green, then blue.</param>
    /// <exception cref="ArgumentException"><paramref name="values"/> is not 3 * H * W long.</exception>
    public static void Normalize(RgbImage image, Span<float> values)
    {
        ArgumentNullException.ThrowIfNull(image);
        int plane = image.Width * image.Height;
        if (values.Length != plane * 3) throw new ArgumentException($"Expected room for {plane * 3} values, found {values.Length}.", nameof(values));
        ReadOnlySpan<byte> pixels = image.Pixels;
        for (int channel = 0; channel < 3; channel++)
        {
            ReadOnlySpan<float> table = s_values[channel];
            Span<float> target = values.Slice(channel * plane, plane);
            for (int i = 0, at = channel; i < target.Length; i++, at += 3) target[i] = table[pixels[at]];
        }
    }

    private static float[] MakeTable(float mean, float deviation)
    {
        float[] table = new float[256];
        for (int value = 0; value < table.Length; value++) table[value] = (value / 255f - mean) / deviation;
        return table;
    }
}
