namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>r = 1 / sqrt(mean(x^2) + epsilon), y = weight * (x * r).</summary>
    public static void RmsNormForward(Span<double> output, Span<double> inverseRms, ReadOnlySpan<double> input, ReadOnlySpan<double> weight, double epsilon, int rows, int channels)
    {
        for (var n = 0; n < rows; n++)
        {
            var squares = 0.0;
            for (var c = 0; c < channels; c++)
                squares += input[n * channels + c] * input[n * channels + c];
            var r = 1.0 / Math.Sqrt(squares / channels + epsilon);
            for (var c = 0; c < channels; c++)
                output[n * channels + c] = weight[c] * (input[n * channels + c] * r);
            if (!inverseRms.IsEmpty)
                inverseRms[n] = r;
        }
    }

    /// <summary>With g = dOutput * weight: dInput (+)= r * g - x * r^3 * mean(g * x); dWeight += sum over rows of dOutput * x * r.</summary>
    public static void RmsNormBackward(Span<double> dInput, Span<double> dWeight, ReadOnlySpan<double> dOutput, ReadOnlySpan<double> input, ReadOnlySpan<double> weight,
        ReadOnlySpan<double> inverseRms, bool accumulate, int rows, int channels)
    {
        for (var n = 0; n < rows; n++)
        {
            var r = inverseRms[n];
            var dot = 0.0;
            for (var c = 0; c < channels; c++)
                dot += dOutput[n * channels + c] * weight[c] * input[n * channels + c];
            var mean = dot / channels;
            for (var c = 0; c < channels; c++)
            {
                var at = n * channels + c;
                if (!dWeight.IsEmpty)
                    dWeight[c] += dOutput[at] * input[at] * r;
                var gradient = r * dOutput[at] * weight[c] - input[at] * r * r * r * mean;
                dInput[at] = accumulate ? dInput[at] + gradient : gradient;
            }
        }
    }
}
