namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// Draws a scene: 56 x 56 pixels, one grey background a picture, every object with soft edges somewhat off the center of its cell, noise over all.
/// Allocates nothing. The same bytes on every machine: the noise is a sum of four random bytes, which is close to normal, instead of a logarithm and a cosine.
/// </summary>
internal static class SceneRenderer
{
    /// <summary>Side of a cell in pixels: two 14-pixel patches of the vision encoder, one visual token after its pixel shuffle.</summary>
    public const int CellPixels = 28;

    /// <summary>Side of the picture in pixels.</summary>
    public const int ImagePixels = 2 * CellPixels;

    /// <summary>Bytes of a picture: rows x columns x (red, green, blue).</summary>
    public const int ImageBytes = ImagePixels * ImagePixels * 3;

    /// <summary>Standard deviation of the noise of every value, in units of the full range.</summary>
    public const float Noise = .03f;

    // The sum of four bytes has mean 4 * 127.5 and variance 4 * (256^2 - 1) / 12.
    private const float NoiseMean = 510f, NoiseScale = Noise / 147.8005f;

    /// <summary>Writes the picture of a scene.</summary>
    /// <param name="scene">The scene.</param>
    /// <param name="rgb">Receives [56, 56, 3] bytes, rows first, red green blue; exactly <see cref="ImageBytes"/> long.</param>
    /// <exception cref="ArgumentException"><paramref name="rgb"/> has another length.</exception>
    public static void Render(Scene scene, Span<byte> rgb)
    {
        ArgumentNullException.ThrowIfNull(scene);
        if (rgb.Length != ImageBytes) throw new ArgumentException($"Expected {ImageBytes} bytes for a {ImagePixels} x {ImagePixels} RGB picture, found {rgb.Length}.", nameof(rgb));
        var random = new RandomStream(scene.Seed, RandomPurpose.Appearance, (ulong)scene.Index);
        var noise = new RandomStream(scene.Seed, RandomPurpose.Noise, (ulong)scene.Index);
        float background = random.NextBetween(.35f, .65f);
        ReadOnlySpan<SceneObject> objects = scene.Objects;
        int next = 0;
        for (int cell = 0; cell < World.CellCount; cell++)
        {
            Span<byte> corner = rgb[((cell / 2 * ImagePixels + cell % 2) * CellPixels * 3)..];
            if (next < objects.Length && (int)objects[next].Cell == cell) DrawObject(objects[next++], background, ref random, ref noise, corner);
            else DrawBackground(background, ref noise, corner);
        }
    }

    private static void DrawObject(SceneObject one, float background, ref RandomStream random, ref RandomStream noise, Span<byte> corner)
    {
        float centerX = random.NextBetween(-1, 1) + (CellPixels - 1) / 2f, centerY = random.NextBetween(-1, 1) + (CellPixels - 1) / 2f;
        float radius = one.Size == ObjectSize.Big ? random.NextBetween(9.5f, 11f) : random.NextBetween(6f, 7f);
        (float red, float green, float blue) = one.Color switch
        {
            ObjectColor.Red => (.85f, .2f, .2f),
            ObjectColor.Green => (.2f, .7f, .25f),
            ObjectColor.Blue => (.2f, .3f, .85f),
            _ => (.85f, .8f, .2f),
        };
        red += random.NextBetween(-.1f, .1f);
        green += random.NextBetween(-.1f, .1f);
        blue += random.NextBetween(-.1f, .1f);
        for (int row = 0; row < CellPixels; row++)
        {
            int at = row * ImagePixels * 3;
            float y = row - centerY;
            for (int column = 0; column < CellPixels; column++, at += 3)
            {
                // Coverage falls from one to zero over the pixel that the edge runs through.
                float coverage = Math.Clamp(.5f - SignedDistance(one.Shape, column - centerX, y, radius), 0, 1);
                corner[at] = ToByte(background + coverage * (red - background), ref noise);
                corner[at + 1] = ToByte(background + coverage * (green - background), ref noise);
                corner[at + 2] = ToByte(background + coverage * (blue - background), ref noise);
            }
        }
    }

    private static void DrawBackground(float background, ref RandomStream noise, Span<byte> corner)
    {
        for (int row = 0; row < CellPixels; row++)
        {
            int at = row * ImagePixels * 3;
            for (int i = 0; i < CellPixels * 3; i++) corner[at + i] = ToByte(background, ref noise);
        }
    }

    /// <summary>Distance to the edge of the shape in pixels, negative inside; y points down. The triangle's circumscribed circle is a fifth larger, so that areas are alike.</summary>
    private static float SignedDistance(ObjectShape shape, float x, float y, float radius)
    {
        switch (shape)
        {
            case ObjectShape.Circle:
                return MathF.Sqrt(x * x + y * y) - radius;
            case ObjectShape.Square:
                return Math.Max(Math.Abs(x), Math.Abs(y)) - radius;
            default:
                float half = .6f * radius;
                return Math.Max(y - half, .8660254f * Math.Abs(x) - .5f * y - half);
        }
    }

    private static byte ToByte(float value, ref RandomStream noise)
    {
        uint word = noise.NextWord();
        uint sum = (word & 0xFF) + ((word >> 8) & 0xFF) + ((word >> 16) & 0xFF) + (word >> 24);
        return (byte)(Math.Clamp(value + (sum - NoiseMean) * NoiseScale, 0f, 1f) * 255f);
    }
}
