namespace Sophia.Native.Models;

/// <summary>Cosines and sines of rotary positions: inverse frequency i is theta^(-2i / D), the angle position * inverse frequency, both in fp32 as the sources compute them.</summary>
public static class RopeTable
{
    /// <summary>Fills a table for positions from 0.</summary>
    /// <param name="table">[positions, D]: D/2 cosines, then D/2 sines.</param>
    /// <param name="headSize">D.</param>
    /// <param name="theta">Base of the frequencies.</param>
    public static void Fill(Span<float> table, int headSize, double theta)
    {
        var half = headSize / 2;
        Span<float> inverseFrequencies = stackalloc float[half];
        for (var i = 0; i < half; i++)
            inverseFrequencies[i] = (float)(1.0 / Math.Pow(theta, 2.0 * i / headSize));
        for (var position = 0; position < table.Length / headSize; position++)
        {
            var row = table.Slice(position * headSize, headSize);
            for (var i = 0; i < half; i++)
            {
                var angle = (double)(position * inverseFrequencies[i]);
                row[i] = (float)Math.Cos(angle);
                row[half + i] = (float)Math.Sin(angle);
            }
        }
    }
}
