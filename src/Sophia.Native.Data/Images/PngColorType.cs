namespace Sophia.Native.Data.Images;

/// <summary>The color types of PNG, with their numbers in the header.</summary>
internal enum PngColorType : byte
{
    Grey = 0,
    Rgb = 2,
    Palette = 3,
    GreyAlpha = 4,
    RgbAlpha = 6,
}
