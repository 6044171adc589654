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
        int width = colors.Length / 3;
        for (int x = 0; x < width; x++)
        {
            byte red = samples[0][x], green = red, blue = red;
            if (space != JpegColorSpace.Grey)
            {
                green = samples[1][x];
                blue = samples[2][x];
                if (space is JpegColorSpace.YCbCr or JpegColorSpace.Ycck) (red, green, blue) = FromDifferences(red, green - 128, blue - 128);
            }

            if (space == JpegColorSpace.Ycck)
            {
                // The equations give inks, not light; what CMYK files hold is light already.
                (red, green, blue) = ((byte)(255 - red), (byte)(255 - green), (byte)(255 - blue));
            }

            if (space is JpegColorSpace.Cmyk or JpegColorSpace.Ycck)
            {
                int light = samples[3][x];
                (red, green, blue) = (Product(red, light), Product(green, light), Product(blue, light));
            }

            colors[x * 3] = red;
            colors[x * 3 + 1] = green;
            colors[x * 3 + 2] = blue;
        }
    }

    private static (byte Red, byte Green, byte Blue) FromDifferences(int luminance, int cb, int cr) =>
    (
        Clamp(luminance + ((RedOfCr * cr + Half) >> FractionBits)),
        Clamp(luminance + ((-GreenOfCb * cb - GreenOfCr * cr + Half) >> FractionBits)),
        Clamp(luminance + ((BlueOfCb * cb + Half) >> FractionBits)));

    private static byte Clamp(int value) => (byte)Math.Clamp(value, 0, 255);

    private static byte Product(int a, int b) => (byte)((a * b + 127) / 255);
}
