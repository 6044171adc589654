namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>Row n is visual[visualRows[n]] where that is not negative, else table[ids[n]].</summary>
    public static void EmbeddingForward(Span<double> output, ReadOnlySpan<double> table, ReadOnlySpan<int> ids, ReadOnlySpan<double> visual, ReadOnlySpan<int> visualRows, int channels)
    {
        for (var n = 0; n < ids.Length; n++)
        {
            for (var c = 0; c < channels; c++)
                output[n * channels + c] = visualRows[n] >= 0 ? visual[visualRows[n] * channels + c] : table[ids[n] * channels + c];
        }
    }

    /// <summary>dTable[ids[n]] += dOutput[n] for text rows; dVisual[visualRows[n]] = dOutput[n] for visual rows.</summary>
    public static void EmbeddingBackward(Span<double> dTable, Span<double> dVisual, ReadOnlySpan<double> dOutput, ReadOnlySpan<int> ids, ReadOnlySpan<int> visualRows, int channels)
    {
        for (var n = 0; n < ids.Length; n++)
        {
            for (var c = 0; c < channels; c++)
            {
                if (visualRows[n] >= 0)
                {
                    if (!dVisual.IsEmpty)
                        dVisual[visualRows[n] * channels + c] = dOutput[n * channels + c];
                }
                else if (!dTable.IsEmpty)
                {
                    dTable[ids[n] * channels + c] += dOutput[n * channels + c];
                }
            }
        }
    }
}
