namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>s = 1 / sqrt(variance(x) + epsilon), y = weight * ((x - mean(x)) * s) + bias.</summary>
    public static void LayerNormForward(Span<double> output, Span<double> mean, Span<double> inverseDeviation, ReadOnlySpan<double> input, ReadOnlySpan<double> weight, ReadOnlySpan<double> bias,
        double epsilon, int rows, int channels)
    {
        for (var n = 0; n < rows; n++)
        {
            var average = 0.0;
            for (var c = 0; c < channels; c++)
                average += input[n * channels + c];
            average /= channels;
            var variance = 0.0;
            for (var c = 0; c < channels; c++)
            {
                var difference = input[n * channels + c] - average;
                variance += difference * difference;
            }
            var s = 1.0 / Math.Sqrt(variance / channels + epsilon);
            for (var c = 0; c < channels; c++)
                output[n * channels + c] = weight[c] * ((input[n * channels + c] - average) * s) + bias[c];
            if (!mean.IsEmpty)
                mean[n] = average;
            if (!inverseDeviation.IsEmpty)
                inverseDeviation[n] = s;
        }
    }

    /// <summary>With h = (x - mean) * s and g = dOutput * weight: dInput (+)= s * (g - mean(g) - h * mean(g * h)); dWeight += sum of dOutput * h; dBias += sum of dOutput.</summary>
    public static void LayerNormBackward(Span<double> dInput, Span<double> dWeight, Span<double> dBias, ReadOnlySpan<double> dOutput, ReadOnlySpan<double> input, ReadOnlySpan<double> weight,
        ReadOnlySpan<double> mean, ReadOnlySpan<double> inverseDeviation, bool accumulate, int rows, int channels)
    {
        for (var n = 0; n < rows; n++)
        {
            var s = inverseDeviation[n];
            double sum = 0.0, dot = 0.0;
            for (var c = 0; c < channels; c++)
            {
                var g = dOutput[n * channels + c] * weight[c];
                sum += g;
                dot += g * (input[n * channels + c] - mean[n]) * s;
            }
            for (var c = 0; c < channels; c++)
            {
                var at = n * channels + c;
                var h = (input[at] - mean[n]) * s;
                if (!dWeight.IsEmpty)
                    dWeight[c] += dOutput[at] * h;
                if (!dBias.IsEmpty)
                    dBias[c] += dOutput[at];
                var gradient = s * (dOutput[at] * weight[c] - sum / channels - h * dot / channels);
                dInput[at] = accumulate ? dInput[at] + gradient : gradient;
            }
        }
    }
}
