namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>output = residual + scale * branch.</summary>
    public static void ResidualForward(Span<double> output, ReadOnlySpan<double> residual, ReadOnlySpan<double> branch, ReadOnlySpan<double> scale, int rows, int channels)
    {
        for (var n = 0; n < rows; n++)
        {
            for (var c = 0; c < channels; c++)
                output[n * channels + c] = residual[n * channels + c] + (scale.IsEmpty ? 1.0 : scale[c]) * branch[n * channels + c];
        }
    }

    /// <summary>dBranch = scale * dOutput; dScale += sum over rows of dOutput * branch.</summary>
    public static void ResidualBackward(Span<double> dBranch, Span<double> dScale, ReadOnlySpan<double> dOutput, ReadOnlySpan<double> branch, ReadOnlySpan<double> scale, int rows, int channels)
    {
        for (var n = 0; n < rows; n++)
        {
            for (var c = 0; c < channels; c++)
            {
                var at = n * channels + c;
                dBranch[at] = scale[c] * dOutput[at];
                if (!dScale.IsEmpty)
                    dScale[c] += dOutput[at] * branch[at];
            }
        }
    }
}
