namespace Sophia.Native.Models;

/// <summary>A prompt as the model takes it.</summary>
/// <param name="Ids">[T] token ids.</param>
/// <param name="PixelValues">[I * 3 * side * side] normalized pixels in the order of the placeholders, or null without images.</param>
/// <param name="TileCount">I.</param>
public sealed record ProcessedPrompt(int[] Ids, float[]? PixelValues, int TileCount);
