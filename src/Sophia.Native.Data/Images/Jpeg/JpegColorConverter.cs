namespace Sophia.Native.Data.Images.Jpeg;

/// <summary>
/// Turns samples into red, green and blue: color differences by the equations of JFIF with 16 fractional bits as in libjpeg, and the four-color spaces as Pillow does, which takes all of
/// them as inverted and computes each color as (255 - ink) * (255 - black) / 255, rounded.
/// </summary>
internal static class JpegColorConverter
{
    private const int FractionBits = 16;
    private const int Half = 1 << (FractionBits - 1);

    // 1.402, 1.772, 0.71414 and 0.34414 times 2^16, rounded.
    private const int RedOfCr = 91881;
    private const int BlueOfCb = 116130;
    private const int GreenOfCr = 46802;
    private const int GreenOfCb = 22554;

    /// <summary>Converts a row.</summary>
    /// <param name="space">What the samples mean.</param>
    /// <param name="samples">A row of each component.</param>
    /// <param name="colors">Receives [width, 3].</param>
    public static void ConvertRow(JpegColorSpace space, byte[][] samples, Span<byte> colors)
    {
        switch (space)
        {
            case JpegColorSpace.Grey:
                ConvertGrey(samples[0], colors);
                break;
            case JpegColorSpace.Rgb:
                Interleave(samples, colors);
                break;
            case JpegColorSpace.YCbCr:
                ConvertDifferences(samples, colors);
                break;
            case JpegColorSpace.Cmyk:
                Interleave(samples, colors);
                Darken(samples[3], colors);
                break;
            default:
                // The equations give inks, not light; what CMYK files hold is light already.
                ConvertDifferences(samples, colors);
                foreach (ref byte color in colors) color = (byte)(255 - color);
                Darken(samples[3], colors);
                break;
        }
    }

    private static void ConvertGrey(ReadOnlySpan<byte> grey, Span<byte> colors)
    {
        for (int x = 0, at = 0; at + 2 < colors.Length; x++, at += 3) colors[at] = colors[at + 1] = colors[at + 2] = grey[x];
    }

    private static void Interleave(byte[][] samples, Span<byte> colors)
    {
        ReadOnlySpan<byte> first = samples[0], second = samples[1], third = samples[2];
        for (int x = 0, at = 0; at + 2 < colors.Length; x++, at += 3) (colors[at], colors[at + 1], colors[at + 2]) = (first[x], second[x], third[x]);
    }

    private static void ConvertDifferences(byte[][] samples, Span<byte> colors)
    {
        ReadOnlySpan<byte> first = samples[0], second = samples[1], third = samples[2];
        for (int x = 0, at = 0; at + 2 < colors.Length; x++, at += 3)
        {
            int luminance = first[x], cb = second[x] - 128, cr = third[x] - 128;
            colors[at] = Clamp(luminance + ((RedOfCr * cr + Half) >> FractionBits));
            colors[at + 1] = Clamp(luminance + ((-GreenOfCb * cb - GreenOfCr * cr + Half) >> FractionBits));
            colors[at + 2] = Clamp(luminance + ((BlueOfCb * cb + Half) >> FractionBits));
        }
    }

    /// <summary>Multiplies each color with the light that black leaves, over 255 and rounded.</summary>
    private static void Darken(ReadOnlySpan<byte> light, Span<byte> colors)
    {
        for (int i = 0; i < colors.Length; i++) colors[i] = (byte)((colors[i] * light[i / 3] + 127) / 255);
    }

    private static byte Clamp(int value) => (byte)Math.Clamp(value, 0, 255);
}
