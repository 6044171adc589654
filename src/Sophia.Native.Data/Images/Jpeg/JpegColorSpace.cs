namespace Sophia.Native.Data.Images.Jpeg;

/// <summary>What the components of a JPEG mean.</summary>
internal enum JpegColorSpace
{
    Grey,
    Rgb,

    /// <summary>Luminance and two color differences (JFIF).</summary>
    YCbCr,

    /// <summary>Cyan, magenta, yellow and black, all inverted as Adobe writes them.</summary>
    Cmyk,

    /// <summary>As <see cref="Cmyk"/>, with the first three as luminance and color differences.</summary>
    Ycck,
}
