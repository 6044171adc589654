namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>
    /// With h = D/2: x[i], x[i + h] = x[i] * cos - x[i + h] * sin, x[i + h] * cos + x[i] * sin, where cos = table[p, i], sin = table[p, h + i]; the opposite angle for the inverse.
    /// </summary>
    public static void Rope(Span<double> values, ReadOnlySpan<double> table, ReadOnlySpan<int> positions, bool inverse, int rows, int heads, int headSize)
    {
        var half = headSize / 2;
        for (var n = 0; n < rows; n++)
        {
            for (var head = 0; head < heads; head++)
            {
                for (var i = 0; i < half; i++)
                {
                    var cosine = table[positions[n] * headSize + i];
                    var sine = table[positions[n] * headSize + half + i];
                    if (inverse)
                        sine = -sine;
                    var low = (n * heads + head) * headSize + i;
                    var high = low + half;
                    var (x, y) = (values[low], values[high]);
                    values[low] = x * cosine - y * sine;
                    values[high] = y * cosine + x * sine;
                }
            }
        }
    }
}
